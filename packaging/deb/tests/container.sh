# shellcheck shell=bash
# Sourced: containers of 64 MiB with the daemon's files over their own, in which something reads all the time.

# container NAME [UNSHARE'S WORDS]: starts one. $dir/NAME/said gets a line each time when what it reads becomes something else.
container() {
	local place=$dir/$1 memory
	shift
	memory=$(awk '/ - cgroup .*,memory(,|$)/ { print $5; exit }' /proc/self/mountinfo)
	mkdir -p "$place"
	if [ -n "$memory" ]; then
		cgroup=$memory/lxcfs-test-${place##*/}-$$
		mkdir "$cgroup"
		echo 64M >"$cgroup/memory.limit_in_bytes"
	else
		cgroup=/sys/fs/cgroup/lxcfs-test-${place##*/}-$$
		mkdir "$cgroup"
		echo 64M >"$cgroup/memory.max"
	fi
	cgroups+=("$cgroup")
	# shellcheck disable=SC2016 # the words with $ are for the container's shell
	(
		echo 0 >"$cgroup/cgroup.procs"
		exec unshare --mount --propagation slave "$@" bash -c '
			for file in meminfo stat uptime cpuinfo; do mount --bind "/var/lib/lxcfs/proc/$file" "/proc/$file" || exit; done
			mount --bind /var/lib/lxcfs/sys/devices/system/cpu /sys/devices/system/cpu || exit
			before=
			while :; do
				if read -r key value _ </proc/meminfo && read -r _ </proc/stat && read -r _ </sys/devices/system/cpu/online; then
					now="$key $value"
				else
					now=failed
				fi
				[ "$now" = "$before" ] || echo "$EPOCHREALTIME $now"
				before=$now
			done' >"$place/said" 2>/dev/null
	) &
	readers+=($!)
	until_so "a container reads" test -s "$place/said"
}

dir=$(mktemp -d) readers=() cgroups=()
end_containers() {
	if [ $? != 0 ]; then
		tail -n 5 "$dir"/*/said
		journalctl --boot --no-pager --lines 40 --unit lxcfs --unit lxcfs-rs
	fi
	kill -KILL "${readers[@]}" 2>/dev/null || :
	wait "${readers[@]}" 2>/dev/null || :
	for cgroup in "${cgroups[@]}"; do
		until_so "a cgroup is empty" rmdir "$cgroup"
	done
	readers=() cgroups=()
}
trap end_containers EXIT

# until_so WHAT COMMAND...: waits for it.
until_so() {
	local what=$1
	shift
	for _ in $(seq 600); do
		"$@" 2>/dev/null && return 0
		sleep 0.1
	done
	echo "waited too long until $what" >&2
	return 1
}

# Whether the last that a container has read is its own memory.
sees_itself() { [[ $(tail -n 1 "$dir/$1/said") == *" MemTotal: 65536" ]]; }

# Whether the last that it has tried has failed.
fails() { [[ $(tail -n 1 "$dir/$1/said") == *failed ]]; }

# outage NAME: how long its reads failed, in milliseconds.
outage() {
	awk '$2 == "failed" { if (!began) began = $1; next } began && !ended { ended = $1 } END { printf "%d\n", (ended - began) * 1000 }' "$dir/$1/said"
}

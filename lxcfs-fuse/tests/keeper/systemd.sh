# A service manager of its own (systemd --user) with the packaged unit, in mount and cgroup of its own.
# Usage, in a new mount namespace: systemd.sh PROGRAM UNIT. Prints `key=value` lines.
set -u
program=$1 unit=$2
# Where it would move all processes that it finds, it must be alone.
groups=
for hierarchy in $(awk '$9 == "cgroup2" || $0 ~ / - cgroup .*name=systemd/ { print $5 }' /proc/self/mountinfo); do
    group=$hierarchy/lxcfs-test-systemd-$$
    mkdir "$group" && groups="$groups $group"
done
# systemd looks for this to know that it is wanted.
mount -t tmpfs none /run && mkdir -p /run/systemd/system
dir=$(mktemp -d)
mkdir -p "$dir/mount" "$dir/run" "$dir/config/systemd/user/lxcfs.service.d"
cp "$unit" "$dir/config/systemd/user/lxcfs.service"
cat > "$dir/config/systemd/user/lxcfs.service.d/test.conf" <<EOF
[Unit]
ConditionVirtualization=
[Service]
ExecStart=
ExecStart=$program --keep=systemd --runtime-dir $dir/run $dir/mount
# What a machine of tests may forbid.
OOMScoreAdjust=0
LimitNOFILE=
StandardError=append:$dir/log
EOF
variables="PATH=$PATH HOME=$dir XDG_RUNTIME_DIR=$dir XDG_CONFIG_HOME=$dir/config"
(
    for group in $groups; do
        echo "$BASHPID" > "$group/cgroup.procs" || exit 1
    done
    expected=$(echo $groups | wc -w)
    [ "$expected" -gt 0 ] && [ "$(grep -c "lxcfs-test-systemd-$$" /proc/self/cgroup)" = "$expected" ] || exit 1
    exec env -i $variables SYSTEMD_LOG_TARGET=console /lib/systemd/systemd --user --unit=basic.target > "$dir/manager.log" 2>&1
) &
manager=$!
control() { env -i $variables timeout 20 systemctl --user "$@"; }
show() { control show lxcfs -p "$1" --value; }
for _ in $(seq 200); do control is-active -q basic.target 2>> "$dir/manager.log" && break; sleep 0.05; done
control start lxcfs; echo "start=$?"
echo "state=$(show ActiveState)"
echo "kept=$(show NFileDescriptorStore)"
echo "filtered=$(awk '$1 == "Seccomp:" { print $2 }' "/proc/$(show MainPID)/status")"
device=$(timeout 10 stat -c %d "$dir/mount")
( while [ ! -e "$dir/enough" ]; do timeout 10 head -c 4096 "$dir/mount/proc/meminfo" > /dev/null || echo failed >> "$dir/failed"; echo . >> "$dir/reads"; done ) &
reader=$!
for _ in 1 2 3; do
    before=$(show MainPID)
    kill -KILL "$before"
    for _ in $(seq 400); do [ "$(show MainPID)" != "$before" ] && [ "$(show ActiveState)" = active ] && break; sleep 0.02; done
done
echo "restarts=$(show NRestarts)"
control restart lxcfs; echo "restart=$?"
before=$(show MainPID)
control reload lxcfs; echo "reload=$?"
for _ in $(seq 400); do [ "$(grep -c 'role="daemon"' "$dir/log")" -ge 6 ] && break; sleep 0.02; done
for _ in $(seq 400); do [ "$(grep -c ' serving ' "$dir/log")" -ge 6 ] && break; sleep 0.02; done
[ "$(show MainPID)" = "$before" ] && echo reload_keeps_the_process=yes
[ "$(timeout 10 stat -c %d "$dir/mount")" = "$device" ] && echo same_device=yes
touch "$dir/enough"; wait $reader
[ "$(wc -l < "$dir/reads")" -gt 10 ] && echo many_reads=yes
echo "failed=$(cat "$dir/failed" 2> /dev/null | wc -l)"
control stop lxcfs; echo "stop=$?"
timeout 10 head -c 1 "$dir/mount/proc/uptime" > /dev/null 2> "$dir/said"; echo "after_stop=$?"
control start lxcfs; echo "start_again=$?"
timeout 10 head -c 1 "$dir/mount/proc/uptime" > /dev/null && echo read_again=yes
echo "--- log"; grep -v hierarchy "$dir/log"; echo "--- manager"; cat "$dir/manager.log"
control stop lxcfs
kill -TERM $manager; for _ in $(seq 100); do kill -0 $manager 2> /dev/null || break; sleep 0.05; done
for group in $groups; do
    find "$group" -name cgroup.procs -exec cat {} + | while read -r pid; do kill -KILL "$pid"; done
    for _ in $(seq 100); do find "$group" -depth -type d -exec rmdir {} + 2> /dev/null; [ -d "$group" ] || break; sleep 0.05; done
done
umount -l "$dir/mount"; rm -rf "$dir"

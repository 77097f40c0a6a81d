//! docs/security.md names every capability once, and says of each who keeps it: as the code does.

use std::collections::BTreeMap;
use std::fs;

use lxcfs_fuse::sandbox::{CAPABILITIES, Role};

/// By their numbers.
#[rustfmt::skip]
const ALL: [&str; 41] = [
    "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP", "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER", "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT",
    "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE", "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE",
    "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP", "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ",
    "PERFMON", "BPF", "CHECKPOINT_RESTORE",
];

/// The roles, and whether triggers may be set.
pub(crate) const ROLES: [(Role, bool); 4] = [
    (Role::Worker, false),
    (Role::Worker, true),
    (Role::Keeper, false),
    (Role::Keeper, true),
];

/// The rows of tables whose first cell is a capability: its name without `CAP_`, and the other cells.
fn rows() -> BTreeMap<String, Vec<String>> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/security.md");
    let text = fs::read_to_string(path).unwrap();
    let mut found = BTreeMap::new();
    for line in text.lines().filter(|line| line.starts_with("| `CAP_")) {
        let mut cells = line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned());
        let name = cells.next().unwrap();
        let name = name.trim_matches('`').strip_prefix("CAP_").unwrap().to_owned();
        assert!(
            found.insert(name.clone(), cells.collect()).is_none(),
            "{name} is there twice"
        );
    }
    found
}

/// The mask of what the document says that a process in that role keeps.
pub(crate) fn mask(role: Role, triggers: bool) -> u64 {
    let rows = rows();
    let is_kept = |name: &str| match (rows.get(name).map(Vec::as_slice), role) {
        (Some([worker, _, _, _]), Role::Worker) if !triggers => worker == "yes",
        (Some([_, worker, _, _]), Role::Worker) => worker == "yes",
        (Some([_, _, keeper, _]), Role::Keeper) => keeper == "yes" || (triggers && keeper.starts_with("with")),
        _ => false,
    };
    let numbers = ALL.iter().enumerate();
    numbers
        .filter(|(_, name)| is_kept(name))
        .fold(0, |mask, (number, _)| mask | 1 << number)
}

#[test]
fn every_capability_is_named_once_with_what_it_is_or_would_have_been_for() {
    let rows = rows();
    let mut all = ALL.to_vec();
    all.sort_unstable();
    assert_eq!(rows.keys().map(String::as_str).collect::<Vec<_>>(), all);
    for (name, cells) in &rows {
        assert!(matches!(cells.len(), 1 | 4), "{name}: {cells:?}");
        assert!(cells.iter().all(|cell| !cell.is_empty()), "{name}: {cells:?}");
    }
    let newest = fs::read_to_string("/proc/sys/kernel/cap_last_cap").unwrap();
    let newest: usize = newest.trim().parse().unwrap();
    assert!(
        newest < ALL.len(),
        "this kernel knows capabilities that the document does not: {newest}"
    );
}

#[test]
fn what_is_kept_by_whom_is_as_in_the_code() {
    for (role, triggers) in ROLES {
        let kept = CAPABILITIES.iter().filter(|one| one.is_kept_by(role, triggers));
        let code = kept.fold(0, |mask, one| mask | one.mask());
        assert_eq!(mask(role, triggers), code, "{role:?}, triggers: {triggers}");
    }
}

//! What a container is called: by the runtime that made its cgroup.

use std::path::Path;

use lxcfs_core::cgroup::{Cgroups, Controller};

/// As many digits of an id as runtimes themselves show.
const SHOWN_DIGITS: usize = 12;

/// Scopes and slices of systemd that a runtime names for itself, and what it is called then.
const SCOPES: [(&str, &str); 8] = [
    ("docker-", "docker"),
    ("libpod-", "podman"),
    ("crio-", "crio"),
    ("cri-containerd-", "containerd"),
    ("nerdctl-", "nerdctl"),
    ("machine-", "machine"),
    ("runc-", "runc"),
    ("crun-", "crun"),
];

/// Directories whose children are containers, and what they are called then.
const PARENTS: [(&str, &str); 6] = [
    ("docker", "docker"),
    ("libpod_parent", "podman"),
    ("buildkit", "buildkit"),
    ("lxc", "lxc"),
    ("lxc.payload", "lxc"),
    ("garden", "garden"),
];

/// The name of the container in these cgroups; `None` where it is in the root of all of them.
pub(crate) fn name(cgroups: &Cgroups) -> Option<String> {
    [Controller::Tasks, Controller::Memory, Controller::CpuTime]
        .into_iter()
        .chain(Controller::ALL)
        .filter_map(|controller| cgroups.get(controller))
        .find(|cgroup| !cgroup.is_root())
        .map(|cgroup| of_path(&cgroup.path()))
}

/// The name of the container in the cgroup with that path below the root of its hierarchy; empty for the root itself.
pub(crate) fn of_path(path: &Path) -> String {
    let parts: Vec<_> = path
        .iter()
        .filter_map(|part| part.to_str())
        .filter(|part| *part != "/")
        .collect();
    let pod = parts.iter().find_map(|part| pod(part));
    let mut levels = parts.iter().rev().copied().peekable();
    // What an init has put below its container is not the container.
    while levels
        .next_if(|part| matches!(*part, "init.scope" | "init" | "container" | ".lxc"))
        .is_some()
    {}
    let last = levels.next().unwrap_or_default();
    let above = levels.next().unwrap_or_default();
    let own = of_scope(last)
        .or_else(|| of_parent(above, last))
        .unwrap_or_else(|| plain(last));
    visible(&match pod {
        Some(pod) if is_id(last) => format!("pod {pod}/{own}"),
        Some(pod) if self::pod(last).is_some() => format!("pod {pod}"),
        Some(pod) => {
            let id = own.rsplit(' ').next().unwrap_or_default();
            format!("pod {pod}/{id}")
        }
        None => own,
    })
}

/// `docker-0123….scope`, `lxc.payload.NAME`.
fn of_scope(part: &str) -> Option<String> {
    if let Some(name) = part.strip_prefix("lxc.payload.") {
        return Some(format!("lxc {name}"));
    }
    let unit = part.strip_suffix(".scope").or_else(|| part.strip_suffix(".service"));
    // crun and podman without systemd leave the suffix out.
    let unit = unit.unwrap_or(part);
    SCOPES.iter().find_map(|(prefix, runtime)| {
        let id = unit.strip_prefix(prefix)?;
        let is_scope = unit != part || is_id(id);
        (is_scope && !id.is_empty()).then(|| format!("{runtime} {}", shortened(&unescaped(id))))
    })
}

/// `/docker/0123…`, `/lxc/NAME`.
fn of_parent(above: &str, part: &str) -> Option<String> {
    let (_, runtime) = PARENTS.iter().find(|(parent, _)| *parent == above)?;
    Some(format!("{runtime} {}", shortened(part)))
}

fn plain(part: &str) -> String {
    let unit = part.strip_suffix(".scope").or_else(|| part.strip_suffix(".slice"));
    shortened(&unescaped(unit.unwrap_or(part))).to_owned()
}

/// The beginning of the uid of a Kubernetes pod: of `pod0123-…` or `kubepods-burstable-pod0123_….slice`.
fn pod(part: &str) -> Option<&str> {
    let part = part.strip_suffix(".slice").unwrap_or(part);
    let uid = match part.strip_prefix("kubepods-") {
        Some(rest) => rest.rsplit_once("pod").map_or("", |(_, uid)| uid),
        None => part.strip_prefix("pod")?,
    };
    let beginning = uid.get(..8)?;
    let looks_so = uid.len() >= 32
        && uid
            .bytes()
            .all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b'-' | b'_'));
    looks_so.then_some(beginning)
}

fn is_id(part: &str) -> bool {
    part.len() >= 32 && part.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A long id by its beginning, anything else as it is.
fn shortened(part: &str) -> &str {
    if is_id(part) {
        part.get(..SHOWN_DIGITS).unwrap_or(part)
    } else {
        part
    }
}

/// A text with control characters written as `\n` or `\u{1b}`: a terminal would obey them, and a newline would end the line.
pub(crate) fn visible(text: &str) -> String {
    let mut visible = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_control() || turns(letter) {
            visible.extend(letter.escape_default());
        } else {
            visible.push(letter);
        }
    }
    visible
}

/// Whether it changes how the letters around it are shown, or is seen by nobody: marks of direction, joiners, other lines.
fn turns(letter: char) -> bool {
    matches!(
        letter,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
    )
}

/// systemd writes what it does not allow in a name as `\xNN`: `machine-my\x2dbox.scope`.
fn unescaped(name: &str) -> String {
    let mut parts = name.split("\\x");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let byte = part.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match (byte, part.get(2..)) {
            (Some(byte), Some(rest)) if byte.is_ascii_graphic() => {
                text.push(char::from(byte));
                text.push_str(rest);
            }
            _ => {
                text.push_str("\\x");
                text.push_str(part);
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    const UID: &str = "1b2c3d4e-5f60-7182-93a4-b5c6d7e8f901";

    #[test]
    fn each_runtime_has_its_way_to_name_cgroups() {
        let uid = UID.replace('-', "_");
        for (path, name) in [
            (format!("/system.slice/docker-{ID}.scope"), "docker 0123456789ab"),
            (format!("/docker/{ID}"), "docker 0123456789ab"),
            (format!("/docker/{ID}/init.scope"), "docker 0123456789ab"),
            (
                format!("/machine.slice/libpod-{ID}.scope/container"),
                "podman 0123456789ab",
            ),
            (format!("/libpod_parent/libpod-{ID}"), "podman 0123456789ab"),
            ("/lxc.payload.web".to_owned(), "lxc web"),
            ("/lxc/web".to_owned(), "lxc web"),
            ("/machine.slice/machine-my\\x2dbox.scope".to_owned(), "machine my-box"),
            (
                format!("/kubepods/burstable/pod{UID}/{ID}"),
                "pod 1b2c3d4e/0123456789ab",
            ),
            (
                format!("/kubepods.slice/kubepods-pod{uid}.slice/cri-containerd-{ID}.scope"),
                "pod 1b2c3d4e/0123456789ab",
            ),
            (
                format!("/kubepods.slice/kubepods-besteffort-pod{uid}.slice/crio-{ID}.scope"),
                "pod 1b2c3d4e/0123456789ab",
            ),
            (format!("/kubepods/pod{UID}"), "pod 1b2c3d4e"),
            ("/lxcfs-run-77-1234".to_owned(), "lxcfs-run-77-1234"),
            ("/user.slice/app-x.scope".to_owned(), "app-x"),
            ("/podium/runc-tests".to_owned(), "runc-tests"),
        ] {
            assert_eq!(of_path(Path::new(&path)), name, "{path}");
        }
    }

    #[test]
    fn who_is_in_no_cgroup_has_no_name() {
        assert_eq!(name(&Cgroups::none()), None);
        assert_eq!(name(&Cgroups::unified("/c", "/")), None);
        assert_eq!(name(&Cgroups::unified("/c", "/a/b")).as_deref(), Some("b"));
    }

    #[test]
    fn no_name_gives_orders_to_a_terminal() {
        assert_eq!(of_path(Path::new("/a\u{202e}b\u{9b}2J")), "a\\u{202e}b\\u{9b}2J");
        assert_eq!(of_path(Path::new("/a\n\u{1b}[2Jä")), "a\\n\\u{1b}[2Jä");
    }

    #[test]
    fn odd_names_stay_as_they_are() {
        for odd in ["a\\x", "a\\xzz", "a\\x0", "ä\\xää", "\\x00"] {
            assert_eq!(unescaped(odd), odd);
        }
    }
}

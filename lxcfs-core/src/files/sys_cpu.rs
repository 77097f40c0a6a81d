//! stub
use super::{Kind, VirtualFile, Directory};
pub(super) const DIRECTORY: VirtualFile = VirtualFile { path: "sys/devices/system/cpu", about: "", lines: &[], kind: Kind::Directory(Directory { list: |_, _| Ok(vec![]), produce: |_, _, _| Ok(()), read_link: |_, _| Ok(Default::default())}) };
pub(super) const ISOLATED: VirtualFile = VirtualFile { path: "sys/devices/system/cpu/isolated", about: "", lines: &[], kind: Kind::File(|_, _| Ok(())) };
pub(super) const KERNEL_MAX: VirtualFile = VirtualFile { path: "sys/devices/system/cpu/kernel_max", about: "", lines: &[], kind: Kind::File(|_, _| Ok(())) };
pub(super) const OFFLINE: VirtualFile = VirtualFile { path: "sys/devices/system/cpu/offline", about: "", lines: &[], kind: Kind::File(|_, _| Ok(())) };
pub(super) const ONLINE: VirtualFile = VirtualFile { path: "sys/devices/system/cpu/online", about: "", lines: &[], kind: Kind::File(|_, _| Ok(())) };
pub(super) const POSSIBLE: VirtualFile = VirtualFile { path: "sys/devices/system/cpu/possible", about: "", lines: &[], kind: Kind::File(|_, _| Ok(())) };
pub(super) const PRESENT: VirtualFile = VirtualFile { path: "sys/devices/system/cpu/present", about: "", lines: &[], kind: Kind::File(|_, _| Ok(())) };

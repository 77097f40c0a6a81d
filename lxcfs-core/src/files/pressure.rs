//! stub
use super::{Kind, VirtualFile};
pub(super) const CPU: VirtualFile = VirtualFile { path: "proc/pressure/cpu", about: "", lines: &[], kind: Kind::File(|_, _| Ok(())) };
pub(super) const IO: VirtualFile = VirtualFile { path: "proc/pressure/io", about: "", lines: &[], kind: Kind::File(|_, _| Ok(())) };
pub(super) const IRQ: VirtualFile = VirtualFile { path: "proc/pressure/irq", about: "", lines: &[], kind: Kind::File(|_, _| Ok(())) };
pub(super) const MEMORY: VirtualFile = VirtualFile { path: "proc/pressure/memory", about: "", lines: &[], kind: Kind::File(|_, _| Ok(())) };

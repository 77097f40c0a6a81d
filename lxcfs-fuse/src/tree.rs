//! The tree and its inode numbers: what a number means is written down, so that another process knows it too.
//!
//! A number that the kernel was given stays in use as long as somebody has the file open or bound somewhere, longer than
//! the process that gave it. So nothing is counted up as it comes:
//!
//! | number                       | what                                                              |
//! |------------------------------|-------------------------------------------------------------------|
//! | 1                            | the root                                                          |
//! | 2²⁸ + 24 bits of a hash      | directories and rows of the table, by their path                  |
//! | 2²⁹ + CPU · 2¹² + shape      | `sys/devices/system/cpu/cpuN` and what is below it                |
//! | 2³⁰ + shape                  | what else is in `sys/devices/system/cpu`                          |
//!
//! A *shape* is a path within a CPU's directory, or within that of all CPUs: its place in a list that begins with
//! [`SHAPES`] and to which this kernel's other names are added as they are met. All numbers fit in 31 bits: a 32-bit
//! process gets `EOVERFLOW` from `stat(2)` for others.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::{PoisonError, RwLock};

use lxcfs_core::{EntryKind, Place, TABLE, VirtualFile};

/// The root directory, as FUSE has it.
pub(crate) const ROOT: u64 = 1;

const BY_PATH: u64 = 1 << 28;
const OF_A_CPU: u64 = 1 << 29;
const OF_ALL_CPUS: u64 = 1 << 30;
const SHAPE_BITS: u32 = 12;
const MOST_SHAPES: usize = 1 << SHAPE_BITS;

/// The directory that shows the CPUs, the only one whose contents depend on who looks.
const CPUS: &str = "sys/devices/system/cpu";

/// What kernels are known to have, in an order that must not change: new names are added at the end. The empty one is the
/// directory of a CPU itself.
const SHAPES: &[(&str, EntryKind)] = {
    use EntryKind::{Directory, File, Symlink};
    &[
        ("", Directory),
        ("topology", Directory),
        ("cache", Directory),
        ("online", File),
        ("uevent", File),
        ("subsystem", Symlink),
        ("node0", Symlink),
        ("cpu_capacity", File),
        ("topology/physical_package_id", File),
        ("topology/die_id", File),
        ("topology/cluster_id", File),
        ("topology/core_id", File),
        ("topology/thread_siblings", File),
        ("topology/thread_siblings_list", File),
        ("topology/core_cpus", File),
        ("topology/core_cpus_list", File),
        ("topology/core_siblings", File),
        ("topology/core_siblings_list", File),
        ("topology/package_cpus", File),
        ("topology/package_cpus_list", File),
        ("topology/die_cpus", File),
        ("topology/die_cpus_list", File),
        ("topology/cluster_cpus", File),
        ("topology/cluster_cpus_list", File),
        ("cache/index0", Directory),
        ("cache/index1", Directory),
        ("cache/index2", Directory),
        ("cache/index3", Directory),
        ("vulnerabilities", Directory),
        ("smt", Directory),
        ("modalias", File),
    ]
};

/// A node of the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) ino: u64,
    pub(crate) kind: EntryKind,
    /// The row, if it is one.
    pub(crate) row: Option<&'static VirtualFile>,
}

/// What is in a directory.
pub(crate) enum Children<'t> {
    /// Always this.
    Fixed(&'t [(&'static str, Node)]),
    /// Who knows the caller has to be asked.
    Asked(Asked),
}

/// A place below `sys/devices/system/cpu`: a path within it, empty for itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    row: &'static VirtualFile,
    below: Cow<'static, str>,
}

impl Asked {
    pub(crate) fn place(&self) -> Place<'_> {
        Place {
            file: self.row,
            below: &self.below,
        }
    }
}

#[derive(Debug)]
struct Fixed {
    node: Node,
    parent: u64,
    children: Vec<(&'static str, Node)>,
}

/// The tree.
#[derive(Debug)]
pub(crate) struct Tree {
    fixed: HashMap<u64, Fixed>,
    shapes: RwLock<Shapes>,
}

#[derive(Debug, Default)]
struct Shapes {
    all: Vec<(Cow<'static, str>, EntryKind)>,
    /// By path and kind: in the host's tree a name may be a directory for all CPUs and a link for each.
    places: HashMap<(Cow<'static, str>, EntryKind), usize>,
}

impl Shapes {
    fn add(&mut self, shape: Cow<'static, str>, kind: EntryKind) -> Option<usize> {
        let at = self.all.len();
        if at >= MOST_SHAPES {
            return None;
        }
        self.all.push((shape.clone(), kind));
        self.places.insert((shape, kind), at);
        Some(at)
    }
}

impl Tree {
    /// The tree with those rows that this kernel has: without PSI there is no `proc/pressure` either.
    pub(crate) fn new(has: impl Fn(&VirtualFile) -> bool) -> Self {
        let mut paths: BTreeMap<&'static str, Option<&'static VirtualFile>> = BTreeMap::new();
        for row in TABLE.iter().filter(|row| has(row)) {
            for (at, _) in row.path.match_indices('/') {
                if let Some(directory) = row.path.get(..at) {
                    paths.entry(directory).or_insert(None);
                }
            }
            paths.insert(row.path, Some(row));
        }
        let mut fixed = HashMap::new();
        let root = Node {
            ino: ROOT,
            kind: EntryKind::Directory,
            row: None,
        };
        let holds = |node, parent| Fixed {
            node,
            parent,
            children: Vec::new(),
        };
        fixed.insert(ROOT, holds(root, ROOT));
        // Sorted: a directory comes before what is in it.
        for (path, row) in paths {
            let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
            let node = Node {
                ino: number(path),
                kind: kind_of(row),
                row,
            };
            let parent = if parent.is_empty() { ROOT } else { number(parent) };
            if let Some(parent) = fixed.get_mut(&parent) {
                parent.children.push((name, node));
            }
            fixed.insert(node.ino, holds(node, parent));
        }
        let mut shapes = Shapes::default();
        for (shape, kind) in SHAPES {
            shapes.add(Cow::Borrowed(shape), *kind);
        }
        Self {
            fixed,
            shapes: RwLock::new(shapes),
        }
    }

    /// The node of that number, if it is one of ours.
    pub(crate) fn node(&self, ino: u64) -> Option<Node> {
        if let Some(fixed) = self.fixed.get(&ino) {
            return Some(fixed.node);
        }
        let (_, shape) = split(ino)?;
        let shapes = self.shapes.read().unwrap_or_else(PoisonError::into_inner);
        let kind = shapes.all.get(shape)?.1;
        Some(dynamic(ino, kind))
    }

    /// The directory above, for `..`.
    pub(crate) fn parent(&self, ino: u64) -> u64 {
        if let Some(fixed) = self.fixed.get(&ino) {
            return fixed.parent;
        }
        let cpus = number(CPUS);
        let Some(asked) = self.asked(ino) else { return ROOT };
        match asked.below.rsplit_once('/') {
            Some((above, _)) => self.find(above).unwrap_or(cpus),
            None => cpus,
        }
    }

    /// What can be read there, or asked; `None` for a directory of the fixed tree.
    pub(crate) fn asked(&self, ino: u64) -> Option<Asked> {
        if let Some(fixed) = self.fixed.get(&ino) {
            let below = Cow::Borrowed("");
            return fixed.node.row.map(|row| Asked { row, below });
        }
        let (cpu, shape) = split(ino)?;
        let shapes = self.shapes.read().unwrap_or_else(PoisonError::into_inner);
        let (shape, _) = shapes.all.get(shape)?;
        let below = match (cpu, shape.as_ref()) {
            (None, shape) => shape.to_owned(),
            (Some(cpu), "") => format!("cpu{cpu}"),
            (Some(cpu), shape) => format!("cpu{cpu}/{shape}"),
        };
        Some(Asked {
            row: cpus_row()?,
            below: below.into(),
        })
    }

    /// What is in a directory; `None` if it is none.
    pub(crate) fn children(&self, ino: u64) -> Option<Children<'_>> {
        if let Some(fixed) = self.fixed.get(&ino)
            && fixed.node.row.is_none()
        {
            return Some(Children::Fixed(&fixed.children));
        }
        let is_directory = self.node(ino)?.kind == EntryKind::Directory;
        is_directory.then(|| self.asked(ino)).flatten().map(Children::Asked)
    }

    /// The entry of that name in a directory that was asked: its node if it is a row, else its place, of which is still to be
    /// told what is there.
    pub(crate) fn child(&self, directory: &Asked, name: &str) -> Result<Node, Asked> {
        let below = match directory.below.as_ref() {
            "" => name.to_owned(),
            above => format!("{above}/{name}"),
        };
        let rows = self.fixed.get(&number(CPUS)).map(|cpus| cpus.children.as_slice());
        let mut rows = rows.unwrap_or_default().iter().filter(|_| directory.below.is_empty());
        match rows.find(|(row, _)| *row == name) {
            Some((_, row)) => Ok(*row),
            None => Err(Asked {
                row: directory.row,
                below: below.into(),
            }),
        }
    }

    /// The node of a place that is there, and of that kind. `None` if the kernel has more names than there are numbers.
    pub(crate) fn number(&self, place: &Asked, kind: EntryKind) -> Option<Node> {
        let (cpu, shape) = take_apart(&place.below);
        let shape = match self.shape(shape, kind) {
            Some(shape) => shape,
            None => {
                let mut shapes = self.shapes.write().unwrap_or_else(PoisonError::into_inner);
                match shapes.places.get(&(Cow::Borrowed(shape), kind)) {
                    Some(at) => *at,
                    None => shapes.add(Cow::Owned(shape.to_owned()), kind)?,
                }
            }
        };
        Some(dynamic(join(cpu, shape)?, kind))
    }

    /// The number of a directory.
    fn find(&self, below: &str) -> Option<u64> {
        let (cpu, shape) = take_apart(below);
        join(cpu, self.shape(shape, EntryKind::Directory)?)
    }

    fn shape(&self, shape: &str, kind: EntryKind) -> Option<usize> {
        let shapes = self.shapes.read().unwrap_or_else(PoisonError::into_inner);
        shapes.places.get(&(Cow::Borrowed(shape), kind)).copied()
    }
}

fn kind_of(row: Option<&VirtualFile>) -> EntryKind {
    match row {
        Some(row) if !row.is_directory() => EntryKind::File,
        _ => EntryKind::Directory,
    }
}

fn dynamic(ino: u64, kind: EntryKind) -> Node {
    Node { ino, kind, row: None }
}

fn cpus_row() -> Option<&'static VirtualFile> {
    TABLE.iter().find(|row| row.path == CPUS)
}

/// `cpu3/topology/core_id` is the shape `topology/core_id` of CPU 3.
fn take_apart(below: &str) -> (Option<u32>, &str) {
    let (first, rest) = below.split_once('/').unwrap_or((below, ""));
    match lxcfs_core::cpu_list::cpu_of_name(first.as_bytes()) {
        Some(cpu) => (Some(cpu), rest),
        None => (None, below),
    }
}

fn join(cpu: Option<u32>, shape: usize) -> Option<u64> {
    let shape = u64::try_from(shape).ok()?;
    Some(match cpu {
        Some(cpu) => OF_A_CPU | u64::from(cpu) << SHAPE_BITS | shape,
        None => OF_ALL_CPUS | shape,
    })
}

fn split(ino: u64) -> Option<(Option<u32>, usize)> {
    let shape_mask = (1 << SHAPE_BITS) - 1_u64;
    let shape = usize::try_from(ino & shape_mask).ok()?;
    if ino >> 32 == 0 && ino & OF_ALL_CPUS != 0 {
        return (ino < OF_ALL_CPUS.saturating_add(1 << SHAPE_BITS)).then_some((None, shape));
    }
    if ino & OF_A_CPU == 0 || ino >= OF_ALL_CPUS {
        return None;
    }
    let cpu = u32::try_from((ino & !OF_A_CPU) >> SHAPE_BITS).ok()?;
    Some((Some(cpu), shape))
}

/// FNV-1a, 64 bits, folded to 24.
fn number(path: &str) -> u64 {
    let hash = path.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    BY_PATH | ((hash >> 24 ^ hash) & 0xff_ffff)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup(tree: &Tree, path: &str) -> Option<Node> {
        path.split('/')
            .try_fold(tree.node(ROOT)?, |node, name| match tree.children(node.ino)? {
                Children::Fixed(children) => children.iter().find(|(child, _)| *child == name).map(|(_, node)| *node),
                Children::Asked(asked) => entry(tree, &asked, name, EntryKind::Directory),
            })
    }

    fn entry(tree: &Tree, directory: &Asked, name: &str, kind: EntryKind) -> Option<Node> {
        tree.child(directory, name)
            .or_else(|asked| tree.number(&asked, kind).ok_or(()))
            .ok()
    }

    #[test]
    fn every_row_has_a_number_of_its_own_that_never_changes() {
        let tree = Tree::new(|_| true);
        let numbers: std::collections::BTreeSet<_> = TABLE.iter().map(|row| number(row.path)).collect();
        assert_eq!(numbers.len(), TABLE.len());
        // Two that are written down: whoever changes how numbers are made breaks open files of running containers.
        assert_eq!(lookup(&tree, "proc/meminfo").unwrap().ino, MEMINFO);
        assert_eq!(lookup(&tree, "sys/devices/system/cpu/online").unwrap().ino, ONLINE);
        for row in TABLE {
            let node = lookup(&tree, row.path).unwrap();
            assert_eq!(node.row.map(|found| found.path), Some(row.path));
            assert_eq!(tree.node(node.ino), Some(node));
            assert!(node.ino < 1 << 31);
        }
    }

    const MEMINFO: u64 = 274_916_690;
    const ONLINE: u64 = 270_060_956;

    #[test]
    fn what_is_in_a_cpus_directory_is_below_it() {
        let tree = Tree::new(|_| true);
        let cpu = lookup(&tree, "sys/devices/system/cpu/cpu17").unwrap();
        let core = lookup(&tree, "sys/devices/system/cpu/cpu17/topology").unwrap();
        assert_eq!(tree.parent(core.ino), cpu.ino);
        assert_eq!(tree.parent(cpu.ino), number(CPUS));
    }

    #[test]
    fn numbers_go_both_ways() {
        let tree = Tree::new(|_| true);
        let cpus = tree.asked(number(CPUS)).unwrap();
        for path in [
            "cpu0",
            "cpu65535",
            "vulnerabilities",
            "new_in_linux_9",
            "cpu3/new_in_linux_9",
        ] {
            let node = entry(&tree, &cpus, path, EntryKind::Directory).unwrap();
            assert_eq!(tree.asked(node.ino).unwrap().below, path);
            assert_eq!(tree.node(node.ino), Some(node));
        }
        for wrong in [0, 2, BY_PATH, OF_A_CPU - 1, OF_ALL_CPUS + 4095, u64::MAX, 1 << 31] {
            assert_eq!(tree.node(wrong), None, "{wrong:#x}");
        }
    }

    #[test]
    fn what_the_kernel_does_not_have_is_not_there() {
        let tree = Tree::new(|row| !row.path.contains("pressure"));
        assert_eq!(lookup(&tree, "proc/pressure"), None);
        assert_eq!(lookup(&tree, "proc/meminfo").unwrap().ino, MEMINFO);
    }

    #[test]
    fn a_kernel_with_too_many_names_shows_fewer() {
        let tree = Tree::new(|_| true);
        let cpus = tree.asked(number(CPUS)).unwrap();
        let made = (0..5000).filter(|name| entry(&tree, &cpus, &format!("file{name}"), EntryKind::File).is_some());
        assert_eq!(made.count(), MOST_SHAPES - SHAPES.len());
    }
}

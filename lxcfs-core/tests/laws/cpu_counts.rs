//! Whoever counts the CPUs, in whatever file, comes to the same number and to the same names.

use super::*;
use lxcfs_core::{CpuList, EntryKind};

fn list(view: &ContainerView<'_>, name: &str) -> CpuList {
    text(view, &format!("sys/devices/system/cpu/{name}")).parse().unwrap()
}

fn directories(view: &ContainerView<'_>) -> CpuList {
    let entries = find("sys/devices/system/cpu").unwrap().list(view).unwrap();
    let directories = entries.iter().filter(|entry| entry.kind == EntryKind::Directory);
    directories
        .filter_map(|entry| entry.name.strip_prefix("cpu")?.parse::<CpuId>().ok())
        .collect()
}

/// The stanzas of `/proc/cpuinfo`: `processor`, `physical id`, `siblings`, `core id`, `cpu cores`.
fn stanzas(cpuinfo: &str) -> Vec<[u32; 5]> {
    let fields = ["processor", "physical id", "siblings", "core id", "cpu cores"];
    let value = |stanza: &str, field: &str| {
        let line = stanza
            .lines()
            .find(|line| line.split(':').next().unwrap().trim() == field);
        line.unwrap().split(':').nth(1).unwrap().trim().parse().unwrap()
    };
    cpuinfo
        .split_terminator("\n\n")
        .map(|stanza| fields.map(|field| value(stanza, field)))
        .collect()
}

proptest! {
    #![proptest_config(config(2))]

    #[test]
    fn every_cpu_count_agrees(scene in scenes(), spelling in spellings(), options in options()) {
        let told = scene.spell(spelling);
        let view = told.view().with_options(options);
        let stanzas = stanzas(&text(&view, "cpuinfo"));
        let (_, each) = stat(&text(&view, "stat"));
        let online: Vec<CpuId> = list(&view, "online").iter().collect();
        prop_assert_eq!(&stanzas.iter().map(|fields| fields[0]).collect::<Vec<_>>(), &online, "cpuinfo");
        prop_assert_eq!(&each.iter().map(|(cpu, _)| *cpu).collect::<Vec<_>>(), &online, "stat");
        prop_assert_eq!(&directories(&view).iter().collect::<Vec<_>>(), &online, "cpuN directories");
        if options.cpu_ids == CpuIds::Dense {
            prop_assert_eq!(list(&view, "online"), CpuList::first(view.cpus().unwrap().count()));
        } else {
            prop_assert!(list(&view, "online").difference(&scene.machine.online()).is_empty());
        }
    }

    /// `offline` is what is possible and not online, whether present or not: that is how the kernel prints it
    /// (`drivers/base/cpu.c`, `print_cpus_offline`).
    #[test]
    fn online_cpus_are_present_and_present_cpus_possible(scene in scenes(), spelling in spellings(), options in options()) {
        let told = scene.spell(spelling);
        let view = told.view().with_options(options);
        let [online, offline, present, possible] =
            ["online", "offline", "present", "possible"].map(|name| list(&view, name));
        prop_assert!(online.difference(&present).is_empty());
        prop_assert!(present.difference(&possible).is_empty());
        prop_assert!(online.intersection(&offline).is_empty());
        let both: CpuList = online.iter().chain(offline.iter()).collect();
        prop_assert_eq!(both, possible);
    }

    #[test]
    fn a_package_has_as_many_cpus_as_are_shown_of_it(scene in scenes(), spelling in spellings(), options in options()) {
        let told = scene.spell(spelling);
        let stanzas = stanzas(&text(&told.view().with_options(options), "cpuinfo"));
        for [processor, package, siblings, _, cores] in &stanzas {
            let own: Vec<_> = stanzas.iter().filter(|other| other[1] == *package).collect();
            let mut core_ids: Vec<_> = own.iter().map(|other| other[3]).collect();
            core_ids.dedup();
            prop_assert_eq!(usize::try_from(*siblings).unwrap(), own.len(), "siblings of {}", processor);
            prop_assert_eq!(usize::try_from(*cores).unwrap(), core_ids.len(), "cpu cores of {}", processor);
        }
    }

    #[test]
    fn sysfs_names_no_sibling_that_is_not_shown(scene in scenes(), spelling in spellings(), options in options()) {
        let told = scene.spell(spelling);
        let view = told.view().with_options(options);
        let online = list(&view, "online");
        for cpu in online.iter() {
            for name in ["topology/thread_siblings_list", "topology/package_cpus_list", "cache/index3/shared_cpu_list"] {
                let siblings = list(&view, &format!("cpu{cpu}/{name}"));
                prop_assert!(siblings.contains(cpu), "cpu{cpu}/{name}: {siblings}");
                prop_assert!(siblings.difference(&online).is_empty(), "cpu{cpu}/{name}: {siblings} of {online}");
            }
        }
    }
}

/// The longest list that a kernel of 8192 CPUs can write, and the longest range.
#[test]
fn cpusets_of_thousands_of_cpus_are_counted_like_any_other() {
    let machine = Machine::new(512, 1 << 30);
    let odd: CpuList = (0..8192).filter(|cpu| cpu % 2 == 1).collect();
    for (cpuset, count) in [(CpuList::first(8192), 512), (odd, 256)] {
        let limits = Limits {
            cpuset: Some(cpuset),
            ..Limits::default()
        };
        for spelling in Spelling::ALL {
            let (source, container) = machine.source(&limits, spelling);
            let view = ContainerView::new(&source, &container, machine.uptime);
            let (_, each) = stat(&text(&view, "stat"));
            let counts = [
                stanzas(&text(&view, "cpuinfo")).len(),
                each.len(),
                list(&view, "online").iter().count(),
            ];
            assert_eq!(counts, [count; 3], "{spelling:?}");
        }
    }
}

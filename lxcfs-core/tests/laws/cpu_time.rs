//! The counters of `/proc/stat` add up, never fall, and tell what the cgroup used.

use std::collections::BTreeMap;
use std::time::Duration;

use super::*;
use lxcfs_core::cgroup::CpuTimes;
use lxcfs_core::{CpuList, Remembered, TICK_NSEC};

/// What happens between two reads.
#[derive(Debug, Clone)]
enum Event {
    /// Time passes; each CPU that is online is used for that many thousandths of it.
    Work {
        msec: u64,
        thousandths: Vec<u16>,
    },
    /// The clock of the reader goes back: another thread took its time earlier.
    ClockBack {
        msec: u64,
    },
    Quota(Option<(u64, u64)>),
    /// Which CPUs are in the cpuset, by bits.
    Cpuset(Option<u16>),
    /// Which CPUs are online, by bits.
    Online(u16),
    /// The cgroup is made anew, and its counters with it.
    Reset,
}

fn events() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => (0..100_000_u64, proptest::collection::vec(0..1000_u16, 12))
            .prop_map(|(msec, thousandths)| Event::Work { msec, thousandths }),
        1 => (0..10_000_u64).prop_map(|msec| Event::ClockBack { msec }),
        1 => proptest::option::of((1000..2_000_000_u64, 1000..1_000_000_u64)).prop_map(Event::Quota),
        1 => proptest::option::of(any::<u16>()).prop_map(Event::Cpuset),
        1 => any::<u16>().prop_map(Event::Online),
        1 => Just(Event::Reset),
    ]
}

fn of_bits(bits: u16, of: &CpuList) -> CpuList {
    of.iter()
        .filter(|cpu| cpu % 16 == 0 || bits & (1 << (cpu % 16)) != 0)
        .collect()
}

/// A container through time, read by one who remembers.
struct History {
    scene: Scene,
    files: MemorySource,
    spelling: Spelling,
    options: ViewOptions,
    remembered: Remembered,
    now: Duration,
}

/// What one read says.
#[derive(Debug, Clone, PartialEq)]
struct Read {
    sum: Vec<u64>,
    each: BTreeMap<CpuId, Vec<u64>>,
    /// The second number of `/proc/uptime`, in hundredths.
    idle: u64,
    shown: CpuList,
}

impl History {
    fn new(mut scene: Scene, spelling: Spelling, options: ViewOptions) -> Self {
        scene.limits.used.clear();
        let now = scene.machine.uptime;
        let files = scene.machine.files();
        Self {
            scene,
            files,
            spelling,
            options,
            remembered: Remembered::new(),
            now,
        }
    }

    fn happen(&mut self, event: &Event) {
        let (machine, limits) = (&mut self.scene.machine, &mut self.scene.limits);
        match event {
            Event::Work { msec, thousandths } => {
                self.now += Duration::from_millis(*msec);
                for cpu in machine.online().iter() {
                    let part = u64::from(thousandths.get(cpu as usize).copied().unwrap_or(0));
                    let used = msec * part * 1000 / 4;
                    let more = CpuTimes {
                        user: used * 2,
                        nice: used,
                        system: used,
                    };
                    work(&mut limits.used, cpu, &more);
                }
            }
            Event::ClockBack { msec } => self.now = self.now.saturating_sub(Duration::from_millis(*msec)),
            Event::Quota(quota) => limits.own.quota = *quota,
            Event::Cpuset(bits) => {
                limits.cpuset = bits
                    .map(|bits| of_bits(bits, &machine.present()))
                    .filter(|cpus| !cpus.is_empty());
            }
            Event::Online(bits) => {
                machine.offline = machine.present().difference(&of_bits(*bits, &machine.present()));
                self.files = machine.files();
            }
            Event::Reset => limits.used.clear(),
        }
    }

    fn read(&mut self) -> Read {
        let container = self.scene.limits.spell(self.spelling, &mut self.files);
        let view = ContainerView::new(&self.files, &container, self.now)
            .with_options(self.options)
            .with_remembered(&self.remembered);
        let (sum, each) = stat(&text(&view, "stat"));
        let uptime = text(&view, "uptime");
        let idle = uptime
            .split_whitespace()
            .nth(1)
            .unwrap()
            .replace('.', "")
            .parse()
            .unwrap();
        Read {
            sum,
            each: each.into_iter().collect(),
            idle,
            shown: view.cpus().unwrap().shown().clone(),
        }
    }
}

fn work(used: &mut Vec<(CpuId, CpuTimes)>, cpu: CpuId, more: &CpuTimes) {
    match used.binary_search_by_key(&cpu, |(id, _)| *id) {
        Ok(at) => used[at].1 = used[at].1.plus(more),
        Err(at) => used.insert(at, (cpu, *more)),
    }
}

fn rises(before: &[u64], after: &[u64]) -> bool {
    before.iter().zip(after).all(|(before, after)| before <= after)
}

fn never_fall(mut history: History, events: &[Event]) -> Result<(), TestCaseError> {
    let first = history.read();
    let mut before = first.clone();
    let mut last_shown: BTreeMap<CpuId, Vec<u64>> = first.each.clone();
    let mut same_cpus = true;
    for event in events {
        history.happen(event);
        let after = history.read();
        prop_assert!(
            rises(&before.sum, &after.sum),
            "{event:?}: cpu {:?} then {:?}",
            before.sum,
            after.sum
        );
        prop_assert!(
            before.idle <= after.idle,
            "{event:?}: idle {} then {}",
            before.idle,
            after.idle
        );
        for (cpu, columns) in &after.each {
            if let Some(old) = last_shown.insert(*cpu, columns.clone()) {
                prop_assert!(rises(&old, columns), "{event:?}: cpu{cpu} {old:?} then {columns:?}");
            }
        }
        prop_assert_eq!(after.sum[3], after.idle, "idle of /proc/stat and /proc/uptime");
        same_cpus &= first.shown == after.shown;
        for column in 0..after.sum.len() {
            let all: u64 = after.each.values().map(|columns| columns[column]).sum();
            // CPUs that are not shown any more still count in the sum.
            let adds_up = if same_cpus {
                after.sum[column] == all
            } else {
                after.sum[column] >= all
            };
            prop_assert!(adds_up, "{event:?}: {after:?}");
        }
        before = after;
    }
    Ok(())
}

fn used(columns: &[u64]) -> u64 {
    columns[..3].iter().sum()
}

proptest! {
    #![proptest_config(config(8))]

    #[test]
    fn counters_never_fall(
        scene in scenes(),
        spelling in spellings(),
        options in options(),
        events in proptest::collection::vec(events(), 1..25),
    ) {
        let by_host_ids = ViewOptions { cpu_ids: CpuIds::Host, ..options };
        never_fall(History::new(scene, spelling, by_host_ids), &events)?;
    }

    #[test]
    fn counters_by_dense_ids_never_fall_either(
        scene in scenes(),
        spelling in spellings(),
        options in options(),
        events in proptest::collection::vec(events(), 1..25),
    ) {
        let by_dense_ids = ViewOptions { cpu_ids: CpuIds::Dense, ..options };
        never_fall(History::new(scene, spelling, by_dense_ids), &events)?;
    }

    #[test]
    fn what_is_shown_as_used_is_what_the_cgroup_used(
        scene in scenes(),
        spelling in spellings(),
        options in options(),
        events in proptest::collection::vec(events(), 1..12),
    ) {
        let mut history = History::new(scene, spelling, options);
        history.read();
        // A sample that seems to be older than the last counts for nothing.
        let ordinary = |event: &&Event| !matches!(event, Event::Reset | Event::ClockBack { .. });
        for event in events.iter().filter(ordinary) {
            let (before, used_before) = (history.read(), history.scene.limits.used_in_all().total());
            history.happen(event);
            let (after, used_after) = (history.read(), history.scene.limits.used_in_all().total());
            let shown = (used(&after.sum) - used(&before.sum)) * TICK_NSEC;
            // Each of the three columns of each CPU that was ever shown is rounded down to a tick.
            let off = 3 * u64::from(history.scene.machine.cpus) * TICK_NSEC;
            prop_assert!(shown.abs_diff(used_after - used_before) <= off, "{event:?}: {shown} of {}", used_after - used_before);
        }
    }

    #[test]
    fn what_is_saved_and_restored_between_two_reads_makes_no_difference(
        scene in scenes(),
        spelling in spellings(),
        options in options(),
        events in proptest::collection::vec(events(), 1..12),
    ) {
        let mut plain = History::new(scene.clone(), spelling, options);
        let mut saved = History::new(scene, spelling, options);
        for event in &events {
            prop_assert_eq!(plain.read(), saved.read());
            plain.happen(event);
            saved.happen(event);
            saved.remembered = Remembered::restore(&saved.remembered.save()).unwrap();
        }
        prop_assert_eq!(plain.read(), saved.read());
    }

    #[test]
    fn a_container_that_uses_all_it_may_has_no_idle_time(
        scene in scenes(),
        spelling in spellings(),
        options in options(),
        steps in proptest::collection::vec(1..20_u64, 1..12),
    ) {
        let mut history = History::new(scene, spelling, options);
        // Up to now it has used nothing, and no CPU is overdrawn.
        let first = history.read();
        let (capacity, shown) = {
            let told = history.scene.spell(spelling);
            let model = told.view().with_options(options).cpus().unwrap();
            (model.capacity_milli(), model.shown().clone())
        };
        for secs in steps {
            history.now += Duration::from_secs(secs);
            // In microseconds, and the same for each CPU.
            let each = secs * capacity * 1000 / u64::from(shown.len());
            for cpu in shown.iter() {
                work(&mut history.scene.limits.used, cpu, &CpuTimes { user: each * 1000, nice: 0, system: 0 });
            }
        }
        let last = history.read();
        let off = u64::from(shown.len());
        prop_assert!(last.sum[3] - first.sum[3] <= off, "idle grew from {} to {}", first.sum[3], last.sum[3]);
    }
}

//! What happens on the host alone cannot be seen in a container.

use super::*;
use lxcfs_core::TABLE;
use lxcfs_core::synthetic::HUGE_PAGE_KIB;

/// The same container on the same machine twice; the second has other numbers wherever they are the host's alone.
fn two_hosts(mut quiet: Scene, noise: u64, more: [u64; 5]) -> [Scene; 2] {
    let (machine, limits) = (&mut quiet.machine, &mut quiet.limits);
    // Limits that the host can keep: what it has and what it has left are above them.
    let limit = |limit: Option<u64>| limit.unwrap_or(u64::MAX) % (1 << 40);
    let own = &mut limits.own;
    (own.memory, own.swap) = (Some(limit(own.memory)), Some(limit(own.swap)));
    own.hugetlb = Some(limit(own.hugetlb) % (1000 * (HUGE_PAGE_KIB << 10)));
    machine.memory_kib = 4 << 30;
    machine.memory_available_kib = 2 << 30;
    (machine.swap_kib, machine.swap_free_kib) = (4 << 30, 2 << 30);
    (machine.huge_pages, machine.huge_pages_free) = (4000, 3000);

    let mut noisy = quiet.clone();
    let machine = &mut noisy.machine;
    let [total, free, available, swap, pages] = more;
    machine.noise = noise;
    machine.memory_kib += total & !1;
    machine.memory_free_kib = free;
    machine.memory_available_kib += available;
    machine.swap_kib += swap;
    machine.swap_free_kib += swap / 2;
    machine.huge_pages += pages % 1000;
    machine.huge_pages_free += pages % 1000;
    [quiet, noisy]
}

/// What the files say, `as_read` of each line. `/proc/cpuinfo` is left out: it tells how fast the shown CPUs run just
/// now, on purpose.
fn differences(
    scenes: &[Scene; 2],
    spelling: Spelling,
    options: ViewOptions,
    as_read: fn(&str) -> String,
) -> Vec<String> {
    let lines = |scene: &Scene| -> Vec<String> {
        let told = scene.spell(spelling);
        let view = told.view().with_options(options);
        let files = TABLE
            .iter()
            .filter(|file| !file.is_directory() && file.path != "proc/cpuinfo");
        let text = |path| render(&view, path).unwrap_or_else(|error| error.to_string());
        files
            .flat_map(|file| {
                text(file.path)
                    .lines()
                    .map(|line| format!("{}: {}", file.path, as_read(line)))
                    .collect::<Vec<_>>()
            })
            .collect()
    };
    let [quiet, noisy] = [lines(&scenes[0]), lines(&scenes[1])];
    let mut different: Vec<String> = quiet
        .iter()
        .zip(&noisy)
        .filter(|(one, two)| one != two)
        .map(|(one, two)| format!("{one:?} and {two:?}"))
        .collect();
    if quiet.len() != noisy.len() {
        different.push(format!("{} lines and {}", quiet.len(), noisy.len()));
    }
    different
}

proptest! {
    #![proptest_config(config(1))]

    #[test]
    fn no_number_of_the_host_alone_shows(
        scene in scenes(),
        spelling in spellings(),
        options in options(),
        noise in any::<u64>(),
        more in proptest::array::uniform5(0..1_u64 << 30),
    ) {
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        let different = differences(&two_hosts(scene, noise, more), spelling, options, words);
        prop_assert!(different.is_empty(), "{different:#?}");
    }

    /// The kernel pads a number to eight columns. How many more the host's own number needs is a matter of the host.
    #[test]
    fn how_wide_the_hosts_numbers_are_does_not_show(
        scene in scenes(),
        spelling in spellings(),
        options in options(),
        noise in any::<u64>(),
        more in proptest::array::uniform5(0..1_u64 << 30),
    ) {
        let different = differences(&two_hosts(scene, noise, more), spelling, options, str::to_owned);
        prop_assert!(different.is_empty(), "{different:#?}");
    }
}

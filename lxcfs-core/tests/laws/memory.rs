//! What is free fits into what there is, and the tightest limit wins wherever it stands.

use super::*;

proptest! {
    #![proptest_config(config(1))]

    #[test]
    fn free_memory_fits_into_available_memory_and_that_into_the_total(scene in scenes(), spelling in spellings()) {
        let (text, host) = (scene.spell(spelling).text("meminfo"), &scene.machine);
        let [total, free, available] = ["MemTotal", "MemFree", "MemAvailable"].map(|key| meminfo(&text, key));
        prop_assert!(free <= available, "{text}");
        prop_assert!(available <= total, "{text}");
        prop_assert!(total <= host.memory_kib, "{text}");
        prop_assert!(available <= host.memory_available_kib, "{text}");
    }

    #[test]
    fn free_swap_fits_into_all_swap_in_both_files_that_tell(scene in scenes(), spelling in spellings()) {
        let told = scene.spell(spelling);
        let (text, host) = (told.text("meminfo"), &scene.machine);
        let (total, free) = (meminfo(&text, "SwapTotal"), meminfo(&text, "SwapFree"));
        prop_assert!(free <= total, "{text}");
        prop_assert!(total <= host.swap_kib, "{text}");
        prop_assert!(free <= host.swap_free_kib, "{text}");
        let swaps = told.text("swaps");
        let area: Vec<u64> = swaps.lines().skip(1).flat_map(|line| line.split_whitespace().skip(2)).map(|word| word.parse().unwrap()).collect();
        match area[..] {
            [] => prop_assert_eq!(total, 0),
            [size, used, _] => {
                prop_assert_eq!(size, total);
                prop_assert!(used <= size && free <= size - used, "{}", swaps);
            }
            _ => prop_assert!(false, "{}", swaps),
        }
    }

    #[test]
    fn huge_pages_fit_into_the_hosts_pool(scene in scenes(), spelling in spellings()) {
        let (text, host) = (scene.spell(spelling).text("meminfo"), &scene.machine);
        let (total, free) = (meminfo(&text, "HugePages_Total"), meminfo(&text, "HugePages_Free"));
        prop_assert!(free <= total && free <= host.huge_pages_free && total <= host.huge_pages, "{text}");
    }

    #[test]
    fn the_tightest_limit_wins_at_any_depth_and_in_any_order(
        scene in scenes(),
        spelling in spellings(),
        order in any::<proptest::sample::Index>(),
    ) {
        let host = &scene.machine;
        let tightest = |limit: fn(&lxcfs_core::synthetic::Level) -> Option<u64>, most: u64| {
            scene.limits.levels().filter_map(limit).fold(most, |tightest, one| tightest.min(one >> 10))
        };
        let memory = tightest(|level| level.memory, host.memory_kib);
        let swap = tightest(|level| level.swap, host.swap_kib);
        let huge = tightest(|level| level.hugetlb, host.huge_pages << 11) >> 11;
        let cpus = scene.limits.levels().filter_map(|level| level.quota).fold(u64::MAX, |tightest, (quota, period)| {
            tightest.min((quota * 1000 / period).max(1).div_ceil(1000))
        });
        let allowed = u64::from(scene.limits.cpuset.clone().unwrap_or_else(|| host.online()).len());

        let mut turned = scene.clone();
        let mut levels: Vec<_> = turned.limits.levels().cloned().collect();
        let by = order.index(levels.len());
        levels.rotate_left(by);
        turned.limits.own = levels.remove(0);
        turned.limits.ancestors = levels;
        for scene in [&scene, &turned] {
            let told = scene.spell(spelling);
            let text = told.text("meminfo");
            prop_assert_eq!(meminfo(&text, "MemTotal"), memory);
            prop_assert_eq!(meminfo(&text, "SwapTotal"), swap);
            prop_assert_eq!(meminfo(&text, "HugePages_Total"), huge);
            prop_assert_eq!(u64::from(told.view().cpus().unwrap().count()), cpus.min(allowed));
        }
    }
}

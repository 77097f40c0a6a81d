//! A load average is never above the most tasks that were ever active.

use std::time::Duration;

use super::*;
use lxcfs_core::Remembered;
use lxcfs_core::synthetic::Process;

proptest! {
    #![proptest_config(config(8))]

    #[test]
    fn loads_stay_below_the_most_active_tasks(
        scene in scenes(),
        spelling in spellings(),
        steps in proptest::collection::vec((0..600_u64, "[RDS]{1,20}"), 1..30),
    ) {
        let mut scene = scene;
        let (remembered, mut files) = (Remembered::new(), scene.machine.files());
        let mut saved = Remembered::new();
        let (mut now, mut most) = (scene.machine.uptime, 0);
        for (secs, threads) in steps {
            now += Duration::from_secs(secs);
            let active = threads.matches(['R', 'D']).count() as u64;
            most = most.max(active);
            scene.limits.processes = vec![Process::new(1, &threads)];
            let container = scene.limits.spell(spelling, &mut files);
            let view = ContainerView::new(&files, &container, now).with_remembered(&remembered);
            let line = text(&view, "loadavg");
            prop_assert_eq!(&line, &text(&view.with_remembered(&saved), "loadavg"), "saved and restored");
            saved = Remembered::restore(&saved.save()).unwrap();
            let words: Vec<&str> = line.split_whitespace().collect();
            for average in &words[..3] {
                let hundredths: u64 = average.replace('.', "").parse().unwrap();
                prop_assert!(hundredths <= most * 100, "{line} of {most}");
            }
            let (running, threads) = words[3].split_once('/').unwrap();
            prop_assert!(running.parse::<u64>().unwrap() <= threads.parse::<u64>().unwrap(), "{line}");
        }
    }
}

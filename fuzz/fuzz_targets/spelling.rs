//! One container has one text, whether cgroup v1 or v2 tells of it. `lxcfs-core/tests/laws/spellings.rs` has the law in
//! full, and why the exceptions are ones.
#![no_main]

use std::cell::RefCell;

use arbitrary::Unstructured;
use libfuzzer_sys::fuzz_target;
use lxcfs_core::synthetic::{Limits, Machine, Spelling};
use lxcfs_core::{ContainerView, TABLE, find};

fuzz_target!(|bytes: &[u8]| {
    let bytes = RefCell::new(Unstructured::new(bytes));
    let mut draw = |bound: u64| {
        bytes
            .borrow_mut()
            .int_in_range(0..=bound.saturating_sub(1))
            .unwrap_or(0)
    };
    let machine = Machine::random(&mut draw);
    let limits = Limits::random(&machine, &mut draw);
    let host = machine.files();
    let shown = {
        let mut files = host.clone();
        let container = limits.spell(Spelling::V2, &mut files);
        ContainerView::new(&files, &container, machine.uptime)
            .cpus()
            .unwrap()
            .shown()
            .clone()
    };
    let limits = limits.told_by_both(&shown);
    let swap_is_limited = limits.levels().any(|level| level.swap.is_some());
    let texts = |spelling| {
        let mut files = host.clone();
        let container = limits.spell(spelling, &mut files);
        let view = ContainerView::new(&files, &container, machine.uptime);
        let rows = TABLE
            .iter()
            .filter(|file| !file.is_directory() && !file.path.starts_with("proc/pressure/"));
        rows.map(|file| (file.path, find(file.path).unwrap().render(&view).unwrap()))
            .collect::<Vec<_>>()
    };
    let v2 = texts(Spelling::V2);
    for other in [Spelling::V1, Spelling::Hybrid] {
        for ((path, one), (_, two)) in texts(other).iter().zip(&v2) {
            let lines = |text: &[u8]| {
                let text = String::from_utf8_lossy(text).into_owned();
                text.lines()
                    .filter(|line| !(swap_is_limited && line.starts_with("SwapFree:")))
                    .map(str::to_owned)
                    .collect::<Vec<_>>()
            };
            assert_eq!(lines(one), lines(two), "{path}: {other:?} and v2");
        }
    }
});

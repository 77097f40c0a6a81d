//! `/proc/meminfo`: any bytes are printed as they were; with another value, a line has that value.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lxcfs_core::Text;
use lxcfs_core::host::meminfo::{Line, Meminfo};

fuzz_target!(|input: (u64, &[u8])| {
    let (new, text) = input;
    let meminfo = Meminfo::parse(text);
    let mut out = Text::new();
    meminfo.print(&mut out);
    assert_eq!(out.take(), text);
    for line in meminfo.lines() {
        line.print_with(new, &mut out);
        let printed = out.take();
        if let Line::Value { key, .. } = line {
            assert_eq!(Meminfo::parse(&printed).value(key), Some(new));
        }
    }
});

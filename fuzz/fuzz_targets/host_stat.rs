//! `/proc/stat`: any bytes are printed as they were.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lxcfs_core::Text;
use lxcfs_core::host::stat::Stat;

fuzz_target!(|text: &[u8]| {
    let stat = Stat::parse(text);
    let mut out = Text::new();
    stat.print(&mut out);
    assert_eq!(out.take(), text);
    for line in stat.lines() {
        let _ = (line.key(), line.numbers().count(), line.rest());
    }
});

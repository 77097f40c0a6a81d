//! `/proc/cpuinfo`: any bytes are printed as they were, and cut to any CPUs without a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lxcfs_core::Text;
use lxcfs_core::host::cpuinfo::Cpuinfo;

fuzz_target!(|text: &[u8]| {
    let cpuinfo = Cpuinfo::parse(text);
    let mut out = Text::new();
    cpuinfo.print(&mut out);
    assert_eq!(out.take(), text);
    for section in cpuinfo.sections() {
        let _ = section.cpu();
        let mut again = Text::new();
        for field in section.fields() {
            let _ = field.key();
            field.print(&mut again);
            field.print_with(u64::MAX, &mut out);
        }
        section.print(&mut out);
    }
});

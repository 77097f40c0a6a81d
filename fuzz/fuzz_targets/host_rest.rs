//! The host's shorter files: diskstats, loadavg, pressure, slabinfo, swaps, uptime. What a parser takes, it prints as it
//! was.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lxcfs_core::Text;
use lxcfs_core::host::{
    diskstats::Diskstats, loadavg::Loadavg, pressure::Pressure, slabinfo::Slabinfo, swaps::Swaps, uptime::Uptime,
};

fuzz_target!(|text: &[u8]| {
    let mut out = Text::new();

    let diskstats = Diskstats::parse(text);
    diskstats.print(&mut out);
    assert_eq!(out.take(), text, "diskstats");
    for disk in diskstats.disks() {
        let _ = (disk.device(), disk.prefix(), disk.counters().count());
    }

    let pressure = Pressure::parse(text);
    pressure.print(&mut out);
    assert_eq!(out.take(), text, "pressure");
    let _ = (pressure.some(), pressure.full());

    let slabinfo = Slabinfo::parse(text);
    slabinfo.print(&mut out);
    assert_eq!(out.take(), text, "slabinfo");
    let _ = (slabinfo.header(), slabinfo.caches());

    let swaps = Swaps::parse(text);
    swaps.print(&mut out);
    assert_eq!(out.take(), text, "swaps");
    let _ = (swaps.header(), swaps.total_kib(), swaps.used_kib());

    if let Some(loadavg) = Loadavg::parse(text) {
        loadavg.print(&mut out);
        assert_eq!(out.take(), text, "loadavg");
    }
    if let Some(uptime) = Uptime::parse(text) {
        let _ = uptime.boot_time();
        uptime.print(&mut out);
        assert_eq!(out.take(), text, "uptime");
    }
});

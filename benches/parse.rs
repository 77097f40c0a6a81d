//! The parsers of the host's files: taking a text apart and printing it again.

use std::path::Path;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use lxcfs_benches::{CPUS, machine};
use lxcfs_core::host::{cpuinfo::Cpuinfo, diskstats::Diskstats, meminfo::Meminfo, stat::Stat};
use lxcfs_core::{Source as _, Text};

type Print = fn(&[u8], &mut Text);

const PARSERS: [(&str, Print); 4] = [
    ("/proc/meminfo", |text, out| Meminfo::parse(text).print(out)),
    ("/proc/stat", |text, out| Stat::parse(text).print(out)),
    ("/proc/cpuinfo", |text, out| Cpuinfo::parse(text).print(out)),
    ("/proc/diskstats", |text, out| Diskstats::parse(text).print(out)),
];

fn parse(criterion: &mut Criterion) {
    for cpus in CPUS {
        let files = machine(cpus).files();
        let mut group = criterion.benchmark_group(format!("parse-and-print/{cpus}-cpus"));
        for (path, print) in PARSERS {
            let Ok(text) = files.read(Path::new(path)) else {
                continue;
            };
            let mut out = Text::with_capacity(4 << 20);
            group.throughput(Throughput::Bytes(text.len().try_into().unwrap_or(0)));
            group.bench_function(BenchmarkId::from_parameter(path), |bencher| {
                bencher.iter(|| {
                    print(&text, &mut out);
                    out.take()
                });
            });
        }
        group.finish();
    }
}

criterion_group!(benches, parse);
criterion_main!(benches);

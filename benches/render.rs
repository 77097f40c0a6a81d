//! Each virtual file, from texts in memory: parsing, deciding and rendering, without any system call.
//!
//! Before the times of a size stands what one rendering into a warm buffer allocates.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use lxcfs_benches::{CPUS, Frozen, allocations, container, machine, warm};
use lxcfs_core::synthetic::Spelling;
use lxcfs_core::{ContainerView, TABLE, Text, find};

fn render(criterion: &mut Criterion) {
    for cpus in CPUS {
        let machine = machine(cpus);
        for (name, spelling) in [("v2", Spelling::V2), ("v1", Spelling::V1)] {
            let (source, container) = machine.source(&container(cpus), spelling);
            let remembered = warm(&source, &container, machine.uptime);
            let source = Frozen::new(&source);
            let view = ContainerView::new(&source, &container, machine.uptime).with_remembered(&remembered);
            let mut group = criterion.benchmark_group(format!("render/{name}/{cpus}-cpus"));
            for file in TABLE.iter().filter(|file| !file.is_directory()) {
                let Some(place) = find(file.path) else { continue };
                let mut out = Text::with_capacity(1 << 20);
                if place.produce(&view, &mut out).is_err() {
                    // Pressure on v1.
                    continue;
                }
                drop(out.take());
                let count = allocations(|| {
                    let _ = place.produce(&view, &mut out);
                    drop(out.take());
                });
                println!("render/{name}/{cpus}-cpus/{}: {count} allocations", file.path);
                group.bench_function(BenchmarkId::from_parameter(file.path), |bencher| {
                    bencher.iter(|| {
                        let _ = place.produce(&view, &mut out);
                        out.take()
                    });
                });
            }
            group.finish();
        }
    }
}

criterion_group!(benches, render);
criterion_main!(benches);

//! What it costs to render a file for this process from the running kernel, beside its floor: one `pread` of each file that it
//! is made from.
//!
//! `root` opens, reads and closes every file; `kept` keeps descriptors open.

#![allow(clippy::disallowed_methods, reason = "measures reading files")]

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use criterion::{Criterion, criterion_group, criterion_main};
use lxcfs_core::{ContainerView, Entry, Remembered, Source, SourceError, Text, find, live};

/// Notes which files are read.
struct Noting<'a> {
    source: &'a live::Root,
    read: RefCell<BTreeSet<PathBuf>>,
}

impl Source for Noting<'_> {
    fn read(&self, path: &Path) -> Result<bytes::Bytes, SourceError> {
        let text = self.source.read(path)?;
        self.read.borrow_mut().insert(path.to_path_buf());
        Ok(text)
    }
    fn list(&self, dir: &Path) -> Result<Vec<Entry>, SourceError> {
        self.source.list(dir)
    }
    fn read_link(&self, path: &Path) -> Result<PathBuf, SourceError> {
        self.source.read_link(path)
    }
}

fn capture(criterion: &mut Criterion) {
    let root = live::Root::host();
    let kept = live::KeptOpen::new();
    let pid = std::process::id();
    let container = match live::hierarchies(&root)
        .map_err(|error| error.to_string())
        .and_then(|hierarchies| live::container_of(&root, &hierarchies, pid).map_err(|error| error.to_string()))
    {
        Ok(container) => container,
        Err(error) => {
            println!("SKIPPED capture: {error}");
            return;
        }
    };
    println!("this process:");
    for (controller, path) in container.cgroups.iter() {
        println!("  {:<8} {}", controller.name(), path.dir().display());
    }
    for name in ["meminfo", "stat", "cpuinfo", "uptime"] {
        let Some(place) = find(name) else { continue };
        let mut group = criterion.benchmark_group(format!("capture/{name}"));
        let noting = Noting {
            source: &root,
            read: RefCell::default(),
        };
        let remembered = Remembered::new();
        let mut out = Text::with_capacity(1 << 20);
        let view = ContainerView::new(&noting, &container, live::boot_time()).with_remembered(&remembered);
        if let Err(error) = place.produce(&view, &mut out) {
            println!("SKIPPED capture/{name}: {error}");
            continue;
        }
        // The second time the tasks have been looked at.
        noting.read.borrow_mut().clear();
        let _ = place.produce(&view, &mut out);
        let files: Vec<File> = noting
            .read
            .borrow()
            .iter()
            .filter_map(|path| File::open(path).ok())
            .collect();
        println!("capture/{name} reads {} files", files.len());
        let mut buffer = vec![0_u8; 1 << 20];
        group.bench_function("floor", |bencher| {
            bencher.iter(|| {
                files
                    .iter()
                    .map(|file| file.read_at(&mut buffer, 0).unwrap_or(0))
                    .sum::<usize>()
            });
        });
        let sources: [(&str, &dyn Source); 2] = [("kept", &kept), ("root", &root)];
        for (source_name, source) in sources {
            group.bench_function(source_name, |bencher| {
                bencher.iter(|| {
                    let view = ContainerView::new(source, &container, live::boot_time()).with_remembered(&remembered);
                    let _ = place.produce(&view, &mut out);
                    out.take()
                });
            });
        }
        group.finish();
    }
}

criterion_group!(benches, capture);
criterion_main!(benches);

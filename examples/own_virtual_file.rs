//! A virtual file of the embedder's own, made from the same view as the others: what a program that sizes its caches and
//! thread pools wants to know, in one read.

#![allow(clippy::disallowed_methods)]

use lxcfs_core::{CaptureError, ContainerView, Text, live};

/// Gathers: the part that can fail.
fn produce(view: &ContainerView<'_>, out: &mut Text) -> Result<(), CaptureError> {
    let memory = view.cgroup().memory()?;
    let cpus = view.cpus()?;
    render(
        memory.and_then(|memory| memory.limit).map(|limit| limit.value),
        cpus.capacity_milli(),
        out,
    );
    Ok(())
}

/// Writes: pure, and cannot fail.
fn render(memory_limit: Option<u64>, cpu_milli: u64, out: &mut Text) {
    out.push("memory_limit_bytes ");
    match memory_limit {
        Some(bytes) => out.number(bytes),
        None => out.push("max"),
    };
    out.push("\ncpu_limit ")
        .number(cpu_milli / 1000)
        .push(".")
        .push(format!("{:03}", cpu_milli % 1000))
        .push("\n");
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let host = live::Root::host();
    let container = live::container_of(&host, &live::hierarchies(&host)?, std::process::id())?;
    let mut out = Text::new();
    produce(&ContainerView::new(&host, &container, live::boot_time()), &mut out)?;
    print!("{}", String::from_utf8_lossy(out.as_bytes()));

    out = Text::new();
    render(Some(268_435_456), 1500, &mut out);
    assert_eq!(out.as_bytes(), b"memory_limit_bytes 268435456\ncpu_limit 1.500\n");
    Ok(())
}

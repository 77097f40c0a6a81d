//! What the container of a process should see, captured from the running kernel: `embed_pid [PID]`, by default of itself.

#![allow(clippy::disallowed_methods)]

use lxcfs_core::{ContainerView, TABLE, find, live};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let pid = match std::env::args().nth(1) {
        Some(pid) => pid.parse()?,
        None => std::process::id(),
    };
    let host = live::Root::host();
    let hierarchies = live::hierarchies(&host)?;
    let container = live::container_of(&host, &hierarchies, pid)?;
    let view = ContainerView::new(&host, &container, live::boot_time());

    println!("pid {pid}: first process {:?}", container.init.map(|init| init.pid));
    for (controller, path) in container.cgroups.iter() {
        println!("  {:<8} {}", controller.name(), path.dir().display());
    }
    for file in TABLE.iter().filter(|file| !file.is_directory()) {
        let Some(place) = find(file.path) else { continue };
        match place.render(&view) {
            Ok(text) => {
                let text = String::from_utf8_lossy(&text);
                println!("{:<40} {}", file.path, text.lines().next().unwrap_or("(empty)"));
            }
            // A kernel without PSI, a slabinfo that only root may read.
            Err(error) => println!("{:<40} {error}", file.path),
        }
    }
    Ok(())
}

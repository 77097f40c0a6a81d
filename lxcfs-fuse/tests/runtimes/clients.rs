//! The clients: what each is asked in a container, and what it must print there.

use std::collections::HashMap;

use crate::runtime::Limits;

/// A client: its name, the command, and whether what it printed is right.
struct Client {
    name: &'static str,
    command: &'static str,
    is_right: fn(&Limits, &str) -> bool,
}

const CLIENTS: &[Client] = &[
    // The first: the container has just been started.
    Client {
        name: "uptime",
        command: "uptime && uptime -p && w",
        is_right: |_, text| {
            let minutes = after(text, "up ").and_then(|words| words.split(' ').next()?.parse::<u32>().ok());
            minutes.is_some_and(|minutes| minutes < 5) && text.contains("load average: ")
        },
    },
    Client {
        name: "free",
        command: "free -b",
        is_right: |limits, text| word(text, "Mem:", 1) == Some(limits.memory.to_string()),
    },
    Client {
        name: "top",
        command: "top -bn1",
        is_right: |limits, text| {
            text.contains(&format!("MiB Mem : {:>6}.0 total", limits.memory >> 20)) && text.contains("load average:")
        },
    },
    Client {
        name: "htop",
        command: "(sleep 3; printf q) | script -qec 'stty cols 150 rows 40; htop -d 5' /dev/null",
        is_right: |limits, text| text.contains(&format!("{}M", limits.memory >> 20)) && text.contains("Tasks:"),
    },
    Client {
        name: "vmstat",
        command: "vmstat -s -S K && vmstat 1 2",
        is_right: |limits, text| text.contains(&format!("{} K total memory", limits.memory >> 10)),
    },
    Client {
        name: "mpstat",
        command: "mpstat -P ALL 1 1",
        is_right: |limits, text| {
            let count = text.contains(&format!("({} CPU)", limits.shown.len()));
            let rows = |cpu: &u32| {
                let averages = text.lines().filter(|line| line.starts_with("Average:"));
                averages
                    .filter(|line| line.split_whitespace().nth(1) == Some(&cpu.to_string()))
                    .count()
            };
            count && (0..1024).all(|cpu| rows(&cpu) == usize::from(limits.shown.contains(&cpu)))
        },
    },
    Client {
        name: "iostat",
        command: "iostat -c 1 2",
        is_right: |limits, text| text.contains(&format!("({} CPU)", limits.shown.len())),
    },
    Client {
        name: "lscpu",
        command: "lscpu",
        is_right: |limits, text| {
            let list = limits.shown.iter().map(u32::to_string).collect::<Vec<_>>();
            let online = after(text, "On-line CPU(s) list:").is_some_and(|found| expand(&found) == list);
            online && after(text, "CPU(s):") == Some(limits.shown.len().to_string())
        },
    },
    Client {
        name: "nproc",
        command: "nproc",
        // It asks the scheduler, which knows nothing of quotas.
        is_right: |limits, text| text.trim() == limits.affinity.to_string(),
    },
    Client {
        name: "ps",
        command: "ps aux",
        is_right: |_, text| text.trim_end().ends_with(" ps aux"),
    },
    Client {
        name: "node",
        command: "node -p 'const os = require(\"os\"); `${os.cpus().length} ${os.totalmem()} ${os.freemem() <= os.totalmem()}`'",
        is_right: |limits, text| text.trim() == format!("{} {} true", limits.shown.len(), limits.memory),
    },
    Client {
        name: "psutil",
        command: "python3 -c 'import os, psutil; m = psutil.virtual_memory(); \
                  print(psutil.cpu_count(), os.cpu_count(), len(psutil.cpu_times(percpu=True)), m.total, m.available <= m.total, \
                  psutil.swap_memory().percent, psutil.boot_time() > 0)'",
        is_right: |limits, text| {
            let cpus = limits.shown.len();
            text.starts_with(&format!("{cpus} {cpus} {cpus} {} True ", limits.memory)) && text.trim().ends_with("True")
        },
    },
    Client {
        name: "java",
        command: "java -XshowSettings:system -version",
        // It reads its cgroup by itself; what it finds is what it would be shown.
        is_right: |limits, text| {
            let cpus = limits.shown.len().min(limits.affinity);
            text.contains(&format!("Effective CPU Count: {cpus}\n"))
                && text.contains(&format!("Memory Limit: {}.00M\n", limits.memory >> 20))
        },
    },
    Client {
        name: "node_exporter",
        command: "prometheus-node-exporter --web.listen-address=127.0.0.1:9100 >/tmp/exporter.log 2>&1 & \
                  python3 -c '
import sys, time, urllib.request
for attempt in range(100):
    try:
        text = urllib.request.urlopen(\"http://127.0.0.1:9100/metrics\").read().decode()
        break
    except OSError:
        time.sleep(0.3)
print(\"\\n\".join(line for line in text.splitlines() if line.startswith((\"node_memory_Mem\", \"node_memory_Swap\", \"node_cpu_seconds_total\", \"node_load\", \"node_scrape_collector_success\", \"node_boot_time\"))))
'; status=$?; kill $!; exit $status",
        is_right: |limits, text| {
            let number = |line: &str| line.rsplit(' ').next().and_then(|number| number.parse::<f64>().ok());
            let total = text.lines().find(|line| line.starts_with("node_memory_MemTotal_bytes "));
            // Before 1.6 it has a row of zeros for each number that is not shown below one that is.
            let idle = text.lines().filter(|line| line.contains("mode=\"idle\"") && !line.ends_with(" 0"));
            let collects = |what: &str| text.contains(&format!("node_scrape_collector_success{{collector=\"{what}\"}} 1"));
            total.and_then(number) == Some(memory_as_float(limits))
                && idle.count() == limits.shown.len()
                && ["cpu", "loadavg", "meminfo", "stat", "diskstats"].into_iter().all(collects)
        },
    },
];

#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "less than 2^53 bytes")]
fn memory_as_float(limits: &Limits) -> f64 {
    limits.memory as f64
}

/// A shell script that asks all of them.
pub(crate) fn script() -> String {
    CLIENTS
        .iter()
        .map(|client| {
            let quoted = client.command.replace('\'', r"'\''");
            format!(
                "echo; echo '=== {}'; sh -c '{quoted}' 2>&1; status=$?; echo; echo \"=== status $status\"\n",
                client.name
            )
        })
        .collect()
}

/// What was wrong, from what that script has printed.
pub(crate) fn failures(limits: &Limits, said: &str) -> Vec<String> {
    let sections: HashMap<&str, &str> = said
        .split("\n=== ")
        .filter_map(|section| section.split_once('\n'))
        .collect();
    let mut failures = Vec::new();
    let mut statuses = said.lines().filter_map(|line| line.strip_prefix("=== status "));
    for client in CLIENTS {
        let status = statuses.next();
        let right = sections
            .get(client.name)
            .is_some_and(|text| (client.is_right)(limits, text));
        if status != Some("0") || !right {
            failures.push(format!(
                "{}: status {status:?}, right: {right}, with {limits:?}",
                client.name
            ));
        }
    }
    failures
}

fn word(text: &str, line: &str, number: usize) -> Option<String> {
    let line = text.lines().find(|one| one.starts_with(line))?;
    line.split_whitespace().nth(number).map(str::to_owned)
}

fn after(text: &str, key: &str) -> Option<String> {
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    Some(line.trim().to_owned())
}

fn expand(list: &str) -> Vec<String> {
    crate::rig::cpu_list(list).iter().map(u32::to_string).collect()
}

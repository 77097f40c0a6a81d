//! The CPUs of a machine that is made up: `/proc/cpuinfo` and `/sys/devices/system/cpu`.

use std::fmt::Write as _;

use bytes::Bytes;

use super::Machine;
use super::host::Noise;
use crate::cpu_list::{CpuId, CpuList};
use crate::source::{MemorySource, SourceErrorKind};
use crate::text::Text;

const SYS: &str = "/sys/devices/system/cpu";

const FLAGS: &str = "fpu vme de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr sse sse2 ht \
    syscall nx mmxext fxsr_opt pdpe1gb rdtscp lm constant_tsc rep_good nopl nonstop_tsc cpuid extd_apicid aperfmperf rapl \
    pni pclmulqdq monitor ssse3 fma cx16 pcid sse4_1 sse4_2 x2apic movbe popcnt aes xsave avx f16c rdrand lahf_lm \
    cmp_legacy svm extapic cr8_legacy abm sse4a misalignsse 3dnowprefetch osvw ibs skinit wdt tce topoext perfctr_core \
    perfctr_nb bpext perfctr_llc mwaitx cpb cat_l3 cdp_l3 hw_pstate ssbd mba ibrs ibpb stibp vmmcall fsgsbase bmi1 avx2 \
    smep bmi2 erms invpcid cqm rdt_a rdseed adx smap clflushopt clwb sha_ni xsaveopt xsavec xgetbv1 xsaves";

/// The caches of a core: index, level, type, size, ways; the third level is the package's.
const CACHES: [(u32, u32, &str, &str, u32); 4] = [
    (0, 1, "Data", "32K", 8),
    (1, 1, "Instruction", "32K", 8),
    (2, 2, "Unified", "512K", 8),
    (3, 3, "Unified", "32768K", 16),
];

/// Neighbouring CPUs that share something: a core, a package.
struct Group {
    cpus: CpuList,
    /// How many cores they are.
    cores: usize,
    list: Bytes,
    mask: Bytes,
}

impl Machine {
    fn core_of(&self, cpu: CpuId) -> u32 {
        cpu.checked_div(self.threads_per_core).unwrap_or(cpu)
    }

    fn package_of(&self, cpu: CpuId) -> u32 {
        cpu.checked_div(self.cpus_per_package).unwrap_or(0)
    }

    /// The online CPUs in groups of `size` neighbours.
    fn groups(&self, size: u32) -> Vec<Group> {
        let (size, online, width) = (size.max(1), self.online(), self.possible().len());
        (0..self.cpus.div_ceil(size))
            .map(|group| {
                let first = group.saturating_mul(size);
                let all: CpuList = (first..first.saturating_add(size).min(self.cpus)).collect();
                let cpus = online.intersection(&all);
                let mut text = Text::new();
                cpus.render(&mut text);
                let list = text.push("\n").take();
                cpus.render_mask(width, &mut text);
                let mut cores: Vec<u32> = cpus.iter().map(|cpu| self.core_of(cpu)).collect();
                cores.dedup();
                Group {
                    cpus,
                    cores: cores.len(),
                    list,
                    mask: text.push("\n").take(),
                }
            })
            .collect()
    }
}

pub(super) fn write(machine: &Machine, files: &mut MemorySource) {
    let cores = machine.groups(machine.threads_per_core);
    let packages = machine.groups(machine.cpus_per_package);
    let place = |groups: &[Group], group: u32| usize::try_from(group).ok().filter(|at| *at < groups.len());
    let list = |cpus: &CpuList| format!("{cpus}\n");
    for (name, cpus) in [
        ("online", machine.online()),
        ("present", machine.present()),
        ("possible", machine.possible()),
    ] {
        files.insert(format!("{SYS}/{name}"), list(&cpus));
    }
    files.insert(
        format!("{SYS}/offline"),
        list(&machine.possible().difference(&machine.online())),
    );
    files.insert(format!("{SYS}/isolated"), "\n");
    files.insert(format!("{SYS}/nohz_full"), "\n");
    files.insert(format!("{SYS}/kernel_max"), "8191\n");
    files.insert(
        format!("{SYS}/modalias"),
        "cpu:type:x86,ven0002fam0019mod0001:feature:,0000,0001\n",
    );
    files.insert(
        format!("{SYS}/smt/active"),
        if machine.threads_per_core > 1 { "1\n" } else { "0\n" },
    );
    files.insert(format!("{SYS}/vulnerabilities/meltdown"), "Not affected\n");
    let mut cpuinfo = String::new();
    let mut noise = Noise::new(machine, 50);
    let online = machine.online();
    for cpu in machine.present().iter() {
        let dir = format!("{SYS}/cpu{cpu}");
        if cpu > 0 {
            files.insert(
                format!("{dir}/online"),
                if online.contains(cpu) { "1\n" } else { "0\n" },
            );
        }
        files.insert(format!("{dir}/uevent"), "DRIVER=processor\nMODALIAS=cpu:type:x86\n");
        // Only root may read it; the text is an address.
        *files = std::mem::take(files)
            .with_error(format!("{dir}/crash_notes"), SourceErrorKind::PermissionDenied)
            .with_link(format!("{dir}/subsystem"), "../../../../bus/cpu");
        let (Some(core), Some(package)) = (
            place(&cores, machine.core_of(cpu)),
            place(&packages, machine.package_of(cpu)),
        ) else {
            continue;
        };
        let (Some(core), Some(package)) = (cores.get(core), packages.get(package)) else {
            continue;
        };
        if online.contains(cpu) {
            stanza(machine, cpu, package, noise.below(1000), &mut cpuinfo);
            topology(machine, cpu, core, package, &dir, files);
            caches(machine, cpu, core, package, &dir, files);
        }
    }
    files.insert("/proc/cpuinfo", cpuinfo);
}

fn stanza(machine: &Machine, cpu: CpuId, package: &Group, mhz: u64, text: &mut String) {
    let siblings = package.cpus.len();
    let (package_id, core_id) = (machine.package_of(cpu), machine.core_of(cpu));
    let cores = package.cores;
    let _ = write!(
        text,
        "processor\t: {cpu}\nvendor_id\t: AuthenticAMD\ncpu family\t: 25\nmodel\t\t: 1\n\
         model name\t: Made Up 7000 {siblings}-Thread Processor\nstepping\t: 1\nmicrocode\t: 0xa0011d1\n\
         cpu MHz\t\t: 2{mhz:03}.000\ncache size\t: 512 KB\nphysical id\t: {package_id}\nsiblings\t: {siblings}\n\
         core id\t\t: {core_id}\ncpu cores\t: {cores}\napicid\t\t: {cpu}\ninitial apicid\t: {cpu}\nfpu\t\t: yes\n\
         fpu_exception\t: yes\ncpuid level\t: 16\nwp\t\t: yes\nflags\t\t: {FLAGS}\n\
         bugs\t\t: sysret_ss_attrs spectre_v1 spectre_v2 spec_store_bypass\nbogomips\t: 4890.81\nTLB size\t: 2560 4K pages\n\
         clflush size\t: 64\ncache_alignment\t: 64\naddress sizes\t: 48 bits physical, 48 bits virtual\n\
         power management: ts ttp tm hwpstate cpb eff_freq_ro [13] [14]\n\n",
    );
}

fn topology(machine: &Machine, cpu: CpuId, core: &Group, package: &Group, dir: &str, files: &mut MemorySource) {
    let mut file = |name: &str, text: Bytes| files.insert(format!("{dir}/topology/{name}"), text);
    file("core_id", format!("{}\n", machine.core_of(cpu)).into());
    file("physical_package_id", format!("{}\n", machine.package_of(cpu)).into());
    file("die_id", "0\n".into());
    for (name, group) in [
        ("core_cpus", core),
        ("thread_siblings", core),
        ("core_siblings", package),
        ("die_cpus", package),
        ("package_cpus", package),
    ] {
        file(name, group.mask.clone());
        file(&format!("{name}_list"), group.list.clone());
    }
}

fn caches(machine: &Machine, cpu: CpuId, core: &Group, package: &Group, dir: &str, files: &mut MemorySource) {
    for (index, level, kind, size, ways) in CACHES {
        let (group, id) = if level == 3 {
            (package, machine.package_of(cpu))
        } else {
            (core, machine.core_of(cpu))
        };
        let mut file = |name: &str, text: Bytes| files.insert(format!("{dir}/cache/index{index}/{name}"), text);
        file("coherency_line_size", "64\n".into());
        file("id", format!("{id}\n").into());
        file("level", format!("{level}\n").into());
        file("shared_cpu_list", group.list.clone());
        file("shared_cpu_map", group.mask.clone());
        file("size", format!("{size}\n").into());
        file("type", format!("{kind}\n").into());
        file("ways_of_associativity", format!("{ways}\n").into());
    }
}

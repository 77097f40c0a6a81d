//! The formats of the architectures, each with some of its CPUs shown.

use std::time::Duration;

use super::*;
use crate::cgroup::{CgroupPath, Cgroups, Controller, CpuBandwidth, Version};
use crate::container::Container;
use crate::options::{CpuIds, CpuView, ViewOptions};
use crate::source::MemorySource;

/// Two packages of two cores of two threads each.
fn x86() -> String {
    (0..8)
        .map(|cpu| {
            format!(
                "processor\t: {cpu}\ncpu family\t: 25\ncpu MHz\t\t: 2445.420\nphysical id\t: {}\nsiblings\t: 4\n\
                 core id\t\t: {}\ncpu cores\t: 2\nflags\t\t: fpu vme\npower management:\n\n",
                cpu / 4,
                cpu % 4 / 2
            )
        })
        .collect()
}

fn model(online: &str, cpuset: &str, ids: CpuIds) -> CpuModel {
    CpuModel::new(
        &online.parse().unwrap(),
        Some(&cpuset.parse().unwrap()),
        None,
        CpuView::Quota,
        ids,
    )
}

fn shown(host: &str, model: &CpuModel) -> String {
    let mut out = Text::new();
    render(&Cpuinfo::parse(host.as_bytes()), model, &mut out);
    String::from_utf8(out.take().to_vec()).unwrap()
}

fn values(text: &str, key: &str) -> Vec<String> {
    let of_key = |line: &str| {
        Some(
            line.strip_prefix(key)?
                .trim_start()
                .strip_prefix(':')?
                .trim()
                .to_owned(),
        )
    };
    text.lines().filter_map(of_key).collect()
}

#[test]
fn siblings_and_cores_are_counted_among_the_shown() {
    let text = shown(&x86(), &model("0-7", "1-3,6", CpuIds::Host));
    assert_eq!(values(&text, "processor"), ["1", "2", "3", "6"]);
    assert_eq!(values(&text, "siblings"), ["3", "3", "3", "1"]);
    assert_eq!(values(&text, "cpu cores"), ["2", "2", "2", "1"]);
    assert_eq!(values(&text, "core id"), ["0", "1", "1", "1"]);
}

#[test]
fn nothing_but_the_counts_is_changed() {
    let text = shown(&x86(), &model("0-7", "0-3", CpuIds::Host));
    assert_eq!(text, x86().split_inclusive("\n\n").take(4).collect::<String>());
}

#[test]
fn dense_ids_start_at_zero() {
    let text = shown(&x86(), &model("0-7", "5,7", CpuIds::Dense));
    assert_eq!(values(&text, "processor"), ["0", "1"]);
    assert_eq!(values(&text, "physical id"), ["1", "1"]);
    assert!(text.starts_with("processor\t: 0\ncpu family"));
}

#[test]
fn all_of_the_hosts_cpus_are_the_hosts_file_whatever_it_counts() {
    let odd = x86().replace("siblings\t: 4", "siblings\t: 9");
    assert_eq!(shown(&odd, &model("0-7", "0-7", CpuIds::Host)), odd);
    let text = shown(&odd, &model("1-7", "1-7", CpuIds::Dense));
    assert_eq!(
        (values(&text, "processor").len(), values(&text, "siblings")[0].as_str()),
        (7, "9")
    );
    assert_eq!(values(&text, "processor")[6], "6");
}

#[test]
fn a_quota_cuts_what_a_cpuset_leaves() {
    let quota = CpuBandwidth {
        quota_usec: 150,
        period_usec: 100,
        levels_up: 0,
    };
    let online = "0-7".parse().unwrap();
    let model = CpuModel::new(&online, None, Some(&quota), CpuView::Quota, CpuIds::Host);
    assert_eq!(values(&shown(&x86(), &model), "processor"), ["0", "1"]);
}

#[test]
fn arm_keeps_what_is_said_of_the_machine() {
    let host = "processor\t: 0\nmodel name\t: ARMv7\n\nprocessor\t: 1\nmodel name\t: ARMv7\n\n\
                Hardware\t: BCM2835\nRevision\t: a02082\nSerial\t\t: 00000000\n";
    let text = shown(host, &model("0-1", "1", CpuIds::Host));
    assert_eq!(
        text,
        "processor\t: 1\nmodel name\t: ARMv7\n\nHardware\t: BCM2835\nRevision\t: a02082\nSerial\t\t: 00000000\n"
    );
}

#[test]
fn arm64_riscv_and_ppc_stanzas_are_kept_word_for_word() {
    for stanza in [
        "BogoMIPS\t: 243.75\nFeatures\t: fp asimd\nCPU implementer\t: 0x41\nCPU part\t: 0xd0c\n\n",
        "hart\t\t: 1\nisa\t\t: rv64imafdc\nmmu\t\t: sv48\nuarch\t\t: sifive,u74-mc\n\n",
        "cpu\t\t: POWER9, altivec supported\nclock\t\t: 2200.000000MHz\nrevision\t: 2.2 (pvr 004e 1202)\n\n",
    ] {
        let host =
            format!("processor\t: 0\n{stanza}processor\t: 4\n{stanza}timebase\t: 512000000\nplatform\t: PowerNV\n");
        let text = shown(&host, &model("0,4", "4", CpuIds::Host));
        assert_eq!(
            text,
            format!("processor\t: 4\n{stanza}timebase\t: 512000000\nplatform\t: PowerNV\n")
        );
    }
}

#[test]
fn mips_and_loongarch_keep_the_system_type() {
    let host = "system type\t\t: generic-loongson-machine\n\nprocessor\t\t: 0\npackage\t\t\t: 0\ncore\t\t\t: 0\n\n\
                processor\t\t: 1\npackage\t\t\t: 0\ncore\t\t\t: 1\n\n";
    assert_eq!(
        shown(host, &model("0-1", "1", CpuIds::Dense)),
        "system type\t\t: generic-loongson-machine\n\nprocessor\t\t: 0\npackage\t\t\t: 0\ncore\t\t\t: 1\n\n"
    );
}

#[test]
fn s390x_is_cut_in_all_three_places() {
    let host = "vendor_id       : IBM/S390\n# processors    : 3\nbogomips per cpu: 3033.00\ncache0          : level=1\n\
                processor 0: version = FF,  identification = 1,  machine = 2964\n\
                processor 1: version = FF,  identification = 1,  machine = 2964\n\
                processor 2: version = FF,  identification = 1,  machine = 2964\n\n\
                cpu number      : 0\nphysical id     : 1\ncore id         : 0\nsiblings        : 3\ncpu cores       : 3\n\n\
                cpu number      : 1\nphysical id     : 1\ncore id         : 1\nsiblings        : 3\ncpu cores       : 3\n\n\
                cpu number      : 2\nphysical id     : 1\ncore id         : 2\nsiblings        : 3\ncpu cores       : 3\n";
    let one = "vendor_id       : IBM/S390\n# processors    : 1\nbogomips per cpu: 3033.00\ncache0          : level=1\n\
               processor N: version = FF,  identification = 1,  machine = 2964\n\n\
               cpu number      : N\nphysical id     : 1\ncore id         : 1\nsiblings        : 1\ncpu cores       : 1\n";
    // The blank line behind the summary belongs to the CPU that follows it.
    assert_eq!(shown(host, &model("0-2", "1", CpuIds::Host)), one.replace('N', "1"));
    assert_eq!(shown(host, &model("0-2", "1", CpuIds::Dense)), one.replace('N', "0"));
    assert_eq!(shown(host, &model("0-2", "0-2", CpuIds::Host)), host);
}

#[test]
fn cpus_without_a_stanza_are_no_reason_to_fail() {
    assert_eq!(
        shown("processor\t: 0\n\n", &model("0-7", "0-3", CpuIds::Host)),
        "processor\t: 0\n\n"
    );
    assert_eq!(
        shown("cpu\t: 68040\n", &model("0-7", "0-3", CpuIds::Host)),
        "cpu\t: 68040\n"
    );
}

#[test]
fn v1_and_v2_spellings_of_one_cpuset_give_the_same_text() {
    let machine = MemorySource::new()
        .with("/proc/cpuinfo", x86())
        .with("/sys/devices/system/cpu/online", "0-7\n")
        .with("/v2/ct/cpuset.cpus.effective", "2-3\n")
        .with("/v2/ct/cgroup.procs", "7\n")
        .with("/v1/ct/cpuset.effective_cpus", "2-3\n");
    let v1 = Cgroups::none().with(Controller::Cpuset, CgroupPath::new(Version::V1, "/v1", "/ct"));
    let texts = [v1, Cgroups::unified("/v2", "/ct")].map(|cgroups| {
        let container = Container {
            caller: 7,
            init: None,
            cgroups,
        };
        let view = ContainerView::new(&machine, &container, Duration::ZERO).with_options(ViewOptions::default());
        super::super::find("proc/cpuinfo").unwrap().render(&view).unwrap()
    });
    assert_eq!(texts[0], texts[1]);
    assert_eq!(values(std::str::from_utf8(&texts[0]).unwrap(), "processor"), ["2", "3"]);
}

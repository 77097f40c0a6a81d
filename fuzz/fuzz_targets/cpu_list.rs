//! Lists of CPUs are sets: they come back from their text, and their operations agree with a plain set's.
#![no_main]

use std::collections::BTreeSet;

use libfuzzer_sys::fuzz_target;
use lxcfs_core::{CpuList, Text};

fuzz_target!(|input: (&[u8], &[u8], u32)| {
    let (one, two, count) = input;
    let (Ok(one), Ok(two)) = (CpuList::parse(one), CpuList::parse(two)) else {
        return;
    };
    let set = |list: &CpuList| list.iter().collect::<BTreeSet<_>>();
    let (plain_one, plain_two) = (set(&one), set(&two));

    assert_eq!(one.to_string().parse::<CpuList>().as_ref(), Ok(&one));
    assert_eq!(plain_one.iter().copied().collect::<CpuList>(), one);
    assert_eq!(usize::try_from(one.len()).unwrap(), plain_one.len());
    assert_eq!(one.is_empty(), plain_one.is_empty());
    assert_eq!(
        set(&one.intersection(&two)),
        plain_one.intersection(&plain_two).copied().collect()
    );
    assert_eq!(
        set(&one.difference(&two)),
        plain_one.difference(&plain_two).copied().collect()
    );
    let first = usize::try_from(count).unwrap();
    assert_eq!(set(&one.take(count)), plain_one.iter().take(first).copied().collect());
    for cpu in plain_two.iter().take(100) {
        assert_eq!(one.contains(*cpu), plain_one.contains(cpu));
        let place = plain_one.iter().position(|other| other == cpu);
        assert_eq!(one.position(*cpu).map(|place| usize::try_from(place).unwrap()), place);
    }

    let width = one.iter().last().map_or(1, |last| last + 1);
    let mut mask = Text::new();
    one.render_mask(width, &mut mask);
    let bits: u32 = mask
        .as_bytes()
        .iter()
        .filter_map(|digit| char::from(*digit).to_digit(16))
        .map(u32::count_ones)
        .sum();
    assert_eq!(bits, one.len());
});

//! A set of CPUs in one file of `topology/` or `cache/`, cut to those that the container sees.
//!
//! # References
//!
//! `Documentation/admin-guide/cputopology.rst`; `lib/bitmap-str.c`, `bitmap_print_to_pagebuf`.

use crate::cpu_list::{CpuId, CpuList, MAX_CPUS};
use crate::cpu_model::CpuModel;
use crate::error::ParseError;
use crate::parse;
use crate::text::Text;

/// How a file spells a set of CPUs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spelling {
    /// `0-3,8`.
    List,
    /// `00000000,0000010f`.
    Mask,
}

/// A set of the host's CPUs as a file had it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Siblings {
    cpus: CpuList,
    /// The width of the mask in bits; `None` for a list.
    mask_bits: Option<u32>,
}

impl Spelling {
    /// What a file of that name tells; `None` if that is no set of CPUs (`core_id`, `level`).
    ///
    /// Any name of these forms, not those of today only: a set that a later kernel adds must not show other CPUs.
    pub(super) fn of_name(name: &str) -> Option<Self> {
        let ends = |ends: &[&str]| ends.iter().any(|end| name.ends_with(end));
        if ends(&["_list"]) {
            Some(Self::List)
        } else if ends(&["_cpus", "_siblings", "_map"]) {
            Some(Self::Mask)
        } else {
            None
        }
    }
}

impl Siblings {
    pub(super) fn parse(text: &[u8], spelling: Spelling) -> Result<Self, ParseError> {
        match spelling {
            Spelling::List => Ok(Self {
                cpus: CpuList::parse(text)?,
                mask_bits: None,
            }),
            Spelling::Mask => {
                let (cpus, bits) = mask(parse::value(text))
                    .ok_or_else(|| ParseError::new("CPU mask", "groups of hexadecimal digits", text))?;
                Ok(Self {
                    cpus,
                    mask_bits: Some(bits),
                })
            }
        }
    }

    pub(super) fn render(&self, model: &CpuModel, out: &mut Text) {
        let shown = model.translate(&self.cpus);
        match self.mask_bits {
            Some(bits) => shown.render_mask(bits, out),
            None => shown.render(out),
        }
        out.push("\n");
    }
}

/// Groups of 32 bits, the highest first, which alone may have fewer than eight digits. With the width in bits.
fn mask(text: &[u8]) -> Option<(CpuList, u32)> {
    let (mut cpus, mut bits) = (Vec::<CpuId>::new(), 0_u32);
    let mut groups = text.rsplit(|byte| *byte == b',').peekable();
    while let Some(group) = groups.next() {
        let digits = u32::try_from(group.len()).ok()?;
        let whole = digits == 8 || (groups.peek().is_none() && (1..8).contains(&digits));
        if !whole || bits >= MAX_CPUS {
            return None;
        }
        let value = group.iter().try_fold(0_u32, |value, byte| {
            value.checked_mul(16)?.checked_add(char::from(*byte).to_digit(16)?)
        })?;
        let is_set = |bit: &u32| value.checked_shr(*bit).unwrap_or(0) & 1 == 1;
        cpus.extend((0..32).filter(is_set).map(|bit| bits.saturating_add(bit)));
        bits = bits.saturating_add(digits.saturating_mul(4));
    }
    Some((cpus.into_iter().collect(), bits))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::{CpuIds, CpuView};

    fn cut(text: &str, spelling: Spelling, cpuset: &str, ids: CpuIds) -> String {
        let online = "0-63".parse().unwrap();
        let model = CpuModel::new(&online, Some(&cpuset.parse().unwrap()), None, CpuView::Quota, ids);
        let mut out = Text::new();
        Siblings::parse(text.as_bytes(), spelling)
            .unwrap()
            .render(&model, &mut out);
        String::from_utf8(out.take().to_vec()).unwrap()
    }

    #[test]
    fn a_mask_keeps_its_width() {
        assert_eq!(cut("ff\n", Spelling::Mask, "2-3", CpuIds::Host), "0c\n");
        assert_eq!(cut("3\n", Spelling::Mask, "0", CpuIds::Host), "1\n");
        assert_eq!(
            cut("fff,ffffffff\n", Spelling::Mask, "1,33", CpuIds::Host),
            "002,00000002\n"
        );
        assert_eq!(
            cut("00000000,00000101\n", Spelling::Mask, "0-7", CpuIds::Host),
            "00000000,00000001\n"
        );
    }

    #[test]
    fn dense_ids_count_in_sets_too() {
        assert_eq!(cut("4,36\n", Spelling::List, "3-4,36", CpuIds::Dense), "1-2\n");
        assert_eq!(
            cut("10,00000010\n", Spelling::Mask, "3-4,36", CpuIds::Dense),
            "00,00000006\n"
        );
    }

    #[test]
    fn what_is_no_mask_is_an_error_and_no_mask_is_unbounded() {
        let too_long = vec!["00000000"; 2049].join(",");
        for bad in ["", "x", "1,1", "123456789", "1,,00000000", ",00000000", "-1", &too_long] {
            assert!(Siblings::parse(bad.as_bytes(), Spelling::Mask).is_err(), "{bad}");
        }
        assert!(Siblings::parse(&too_long.as_bytes()[9..], Spelling::Mask).is_ok());
    }

    #[test]
    fn a_name_tells_the_spelling() {
        for name in ["core_cpus_list", "thread_siblings_list", "shared_cpu_list"] {
            assert_eq!(Spelling::of_name(name), Some(Spelling::List));
        }
        for name in ["core_cpus", "drawer_siblings", "shared_cpu_map"] {
            assert_eq!(Spelling::of_name(name), Some(Spelling::Mask));
        }
        for name in ["core_id", "physical_package_id", "level", "size", "type"] {
            assert_eq!(Spelling::of_name(name), None);
        }
    }
}

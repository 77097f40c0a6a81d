//! `/proc/cpuinfo`: a stanza for each online CPU, and what some architectures say of the whole machine around them.
//!
//! Every architecture has its own words. Three forms say which CPU a section is about: a line `processor : 0` (x86, arm,
//! arm64, ppc, riscv, mips, loongarch and most others), and on s390x a line `processor 0: version = …` of its own and a
//! stanza that starts with `cpu number : 0`. All else belongs to the machine.
//!
//! # References
//!
//! proc(5); `show_cpuinfo` in `arch/*/kernel/`.

use crate::cpu_list::{CpuId, MAX_CPUS};
use crate::parse;
use crate::text::Text;

/// The host's `/proc/cpuinfo`.
///
/// ```
/// use lxcfs_core::host::cpuinfo::Cpuinfo;
///
/// let cpuinfo = Cpuinfo::parse(b"processor\t: 0\nBogoMIPS\t: 48.00\n\nSerial\t\t: 0f\n");
/// let cpus: Vec<_> = cpuinfo.sections().map(|section| section.cpu()).collect();
/// assert_eq!(cpus, [Some(0), None]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cpuinfo<'a> {
    sections: Vec<Section<'a>>,
}

/// Lines that are about one CPU, or about the machine. The blank line behind them is theirs.
///
/// ```
/// use lxcfs_core::host::cpuinfo::Cpuinfo;
///
/// let cpuinfo = Cpuinfo::parse(b"processor\t: 0\ncpu MHz\t\t: 2400.000\n\nprocessor\t: 1\ncpu MHz\t\t: 2400.000\n\n");
/// let second = cpuinfo.sections().nth(1).unwrap();
/// assert_eq!((second.cpu(), second.fields().count()), (Some(1), 3));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Section<'a> {
    cpu: Option<CpuId>,
    text: &'a [u8],
}

/// One line, cut before and behind its value. A line without a colon is all value.
///
/// ```
/// use lxcfs_core::host::cpuinfo::Cpuinfo;
///
/// let cpuinfo = Cpuinfo::parse(b"processor\t: 0\nsiblings\t: 16\n");
/// let mut fields = cpuinfo.sections().flat_map(|section| section.fields());
/// let siblings = fields.find(|field| field.key() == b"siblings").unwrap();
/// assert_eq!((siblings.label, siblings.value, siblings.end), (&b"siblings\t: "[..], &b"16"[..], &b"\n"[..]));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field<'a> {
    /// The key, the colon and the space around it.
    pub label: &'a [u8],
    /// The value.
    pub value: &'a [u8],
    /// The space behind it, with the newline.
    pub end: &'a [u8],
}

/// What a line says about where a section begins.
enum Begin {
    /// The first line of a CPU's stanza.
    Stanza(CpuId),
    /// The same; the blank line before it belongs to it (s390x).
    StanzaWithBlank(CpuId),
    /// All that is said about that CPU here.
    OneLine(CpuId),
    Blank,
    Other,
}

impl<'a> Cpuinfo<'a> {
    /// Parses the text.
    ///
    /// ```
    /// use lxcfs_core::host::cpuinfo::Cpuinfo;
    ///
    /// // s390x says it in other words.
    /// let cpuinfo = Cpuinfo::parse(b"vendor_id       : IBM/S390\nprocessor 0: version = FF\n");
    /// let cpus: Vec<_> = cpuinfo.sections().map(|section| section.cpu()).collect();
    /// assert_eq!(cpus, [None, Some(0)]);
    /// ```
    #[must_use]
    pub fn parse(text: &'a [u8]) -> Self {
        let mut sections: Vec<Section<'a>> = Vec::new();
        // The section so far, and the blank lines that stand behind it.
        let (mut start, mut blank, mut at) = (0_usize, None::<usize>, 0_usize);
        let (mut cpu, mut one_line) = (None::<CpuId>, false);
        for line in parse::whole_lines(text) {
            let next = match Begin::of(line) {
                Begin::Stanza(id) => Some((at, Some(id), false)),
                Begin::StanzaWithBlank(id) => Some((blank.unwrap_or(at), Some(id), false)),
                Begin::OneLine(id) => Some((at, Some(id), true)),
                Begin::Other if cpu.is_some() && (blank.is_some() || one_line) => Some((at, None, false)),
                Begin::Blank | Begin::Other => None,
            };
            if let Some((here, next_cpu, next_one_line)) = next {
                sections.extend(Section::cut(cpu, text, start, here));
                (start, cpu, one_line) = (here, next_cpu, next_one_line);
            }
            blank = line.trim_ascii().is_empty().then(|| blank.unwrap_or(at));
            at = at.saturating_add(line.len());
        }
        sections.extend(Section::cut(cpu, text, start, text.len()));
        Self { sections }
    }

    /// Adds the text, as it was parsed.
    ///
    /// ```
    /// use lxcfs_core::{Text, host::cpuinfo::Cpuinfo};
    ///
    /// let (host, mut text) = ("processor\t: 0\nBogoMIPS\t: 48.00\n\n", Text::new());
    /// Cpuinfo::parse(host.as_bytes()).print(&mut text);
    /// assert_eq!(text.take(), host);
    /// ```
    pub fn print(&self, out: &mut Text) {
        for section in &self.sections {
            section.print(out);
        }
    }

    /// The sections, in the kernel's order.
    ///
    /// ```
    /// use lxcfs_core::host::cpuinfo::Cpuinfo;
    ///
    /// let cpuinfo = Cpuinfo::parse(b"processor\t: 0\n\nprocessor\t: 4\n\n");
    /// let cpus: Vec<_> = cpuinfo.sections().filter_map(|section| section.cpu()).collect();
    /// assert_eq!(cpus, [0, 4]);
    /// ```
    pub fn sections(&self) -> impl Iterator<Item = &Section<'a>> {
        self.sections.iter()
    }
}

impl<'a> Section<'a> {
    fn cut(cpu: Option<CpuId>, text: &'a [u8], start: usize, end: usize) -> Option<Self> {
        let text = text.get(start..end).filter(|text| !text.is_empty())?;
        Some(Self { cpu, text })
    }

    /// The CPU that it is about; `None` for the machine.
    ///
    /// ```
    /// use lxcfs_core::host::cpuinfo::Cpuinfo;
    ///
    /// let cpuinfo = Cpuinfo::parse(b"Hardware\t: a board\n");
    /// assert_eq!(cpuinfo.sections().next().unwrap().cpu(), None);
    /// ```
    #[must_use]
    pub fn cpu(&self) -> Option<CpuId> {
        self.cpu
    }

    /// Adds the section, as it was parsed.
    ///
    /// ```
    /// use lxcfs_core::{Text, host::cpuinfo::Cpuinfo};
    ///
    /// let (cpuinfo, mut text) = (Cpuinfo::parse(b"processor\t: 0\n\nprocessor\t: 1\n\n"), Text::new());
    /// cpuinfo.sections().filter(|section| section.cpu() == Some(1)).for_each(|section| section.print(&mut text));
    /// assert_eq!(text.take(), "processor\t: 1\n\n");
    /// ```
    pub fn print(&self, out: &mut Text) {
        out.push(self.text);
    }

    /// Its lines.
    ///
    /// ```
    /// use lxcfs_core::host::cpuinfo::Cpuinfo;
    ///
    /// let cpuinfo = Cpuinfo::parse(b"processor\t: 0\nmodel name\t: A CPU\n");
    /// let keys: Vec<_> = cpuinfo.sections().next().unwrap().fields().map(|field| field.key()).collect();
    /// assert_eq!(keys, [&b"processor"[..], &b"model name"[..]]);
    /// ```
    pub fn fields(&self) -> impl Iterator<Item = Field<'a>> + use<'a> {
        parse::whole_lines(self.text).map(Field::parse)
    }
}

impl<'a> Field<'a> {
    fn parse(line: &'a [u8]) -> Self {
        let body = line.trim_ascii_end();
        let end = line.get(body.len()..).unwrap_or_default();
        let value = parse::split_once(body, b':').map_or(body, |(_, behind)| behind.trim_ascii_start());
        let label = body.get(..body.len().saturating_sub(value.len())).unwrap_or_default();
        Self { label, value, end }
    }

    /// The word or words before the colon, whole: `cpu cores`.
    ///
    /// ```
    /// use lxcfs_core::host::cpuinfo::Cpuinfo;
    ///
    /// let cpuinfo = Cpuinfo::parse(b"cpu cores\t: 8\n");
    /// assert_eq!(cpuinfo.sections().next().unwrap().fields().next().unwrap().key(), b"cpu cores");
    /// ```
    #[must_use]
    pub fn key(&self) -> &'a [u8] {
        parse::split_once(self.label, b':')
            .map_or(b"".as_slice(), |(key, _)| key)
            .trim_ascii()
    }

    /// Adds the line, as it was parsed.
    ///
    /// ```
    /// use lxcfs_core::{Text, host::cpuinfo::Cpuinfo};
    ///
    /// let (cpuinfo, mut text) = (Cpuinfo::parse(b"processor\t: 0\npower management:\n"), Text::new());
    /// cpuinfo.sections().flat_map(|section| section.fields()).for_each(|field| field.print(&mut text));
    /// assert_eq!(text.take(), "processor\t: 0\npower management:\n");
    /// ```
    pub fn print(&self, out: &mut Text) {
        out.push(self.label).push(self.value).push(self.end);
    }

    /// Adds the line with another number as its value.
    ///
    /// ```
    /// use lxcfs_core::{Text, host::cpuinfo::Cpuinfo};
    ///
    /// let (cpuinfo, mut text) = (Cpuinfo::parse(b"siblings\t: 16\n"), Text::new());
    /// cpuinfo.sections().next().unwrap().fields().for_each(|field| field.print_with(2, &mut text));
    /// assert_eq!(text.take(), "siblings\t: 2\n");
    /// ```
    pub fn print_with(&self, number: u64, out: &mut Text) {
        out.push(self.label).number(number).push(self.end);
    }
}

impl Begin {
    fn of(line: &[u8]) -> Self {
        // Most lines are none of these: look at the first bytes before cutting a long line of flags.
        if !line.starts_with(b"processor") && !line.starts_with(b"cpu number") {
            return if line.trim_ascii().is_empty() {
                Self::Blank
            } else {
                Self::Other
            };
        }
        let field = Field::parse(line);
        let id = |bytes: &[u8]| {
            let id = parse::number(bytes).and_then(|id| CpuId::try_from(id).ok())?;
            (id < MAX_CPUS).then_some(id)
        };
        let begin = match field.key() {
            b"processor" => id(field.value).map(Self::Stanza),
            b"cpu number" => id(field.value).map(Self::StanzaWithBlank),
            key => key.strip_prefix(b"processor ").and_then(id).map(Self::OneLine),
        };
        begin.unwrap_or(Self::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sections(text: &str) -> Vec<(Option<CpuId>, usize)> {
        let mut out = Text::new();
        let cpuinfo = Cpuinfo::parse(text.as_bytes());
        cpuinfo.print(&mut out);
        assert_eq!(out.take(), text);
        let mut by_fields = Text::new();
        cpuinfo
            .sections()
            .flat_map(Section::fields)
            .for_each(|field| field.print(&mut by_fields));
        assert_eq!(by_fields.take(), text);
        cpuinfo
            .sections()
            .map(|section| (section.cpu(), section.fields().count()))
            .collect()
    }

    #[test]
    fn a_stanza_ends_with_its_blank_line() {
        assert_eq!(
            sections("processor\t: 0\nflags\t\t: a b\n\nprocessor\t: 2\nflags\t\t: a b\n\n"),
            [(Some(0), 3), (Some(2), 3)]
        );
    }

    #[test]
    fn what_stands_before_and_behind_the_stanzas_belongs_to_the_machine() {
        assert_eq!(
            sections("system type\t: x\n\nprocessor\t: 0\nx\t: y\n\nprocessor\t: 1\n\ntimebase\t: 1\nplatform\t: z\n"),
            [(None, 2), (Some(0), 3), (Some(1), 2), (None, 2)]
        );
    }

    #[test]
    fn s390x_speaks_of_each_cpu_twice() {
        assert_eq!(
            sections(
                "vendor_id       : IBM/S390\n# processors    : 2\ncache0 : x\nprocessor 0: version = FF\n\
                 processor 1: version = FF\n\ncpu number      : 0\ncore id : 0\n\ncpu number      : 1\ncore id : 1\n"
            ),
            [(None, 3), (Some(0), 1), (Some(1), 1), (Some(0), 3), (Some(1), 3)]
        );
    }

    #[test]
    fn what_is_not_understood_is_kept() {
        assert_eq!(sections(""), []);
        assert_eq!(sections("\n\n"), [(None, 2)]);
        assert_eq!(sections("processor"), [(None, 1)]);
        assert_eq!(sections("processor : 65536\nprocessors : 1\n"), [(None, 2)]);
        assert_eq!(sections("processor : 1 \r\n : \n::\nx"), [(Some(1), 4)]);
        assert_eq!(
            sections("processor 3: a\nb\n\n\nprocessor:4"),
            [(Some(3), 1), (None, 3), (Some(4), 1)]
        );
    }
}

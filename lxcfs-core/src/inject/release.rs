//! A low-level runtime, and which version of it.

use std::fmt;
use std::str::FromStr;

/// A runtime that makes containers.
///
/// ```
/// use lxcfs_core::inject::{Plan, Release, Runtime};
///
/// let plan = Plan::new("/var/lib/lxcfs").allowed_by(&[Release::any(Runtime::Crun)]);
/// assert!(plan.files().contains(&"proc/pressure/cpu"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Runtime {
    /// opencontainers/runc.
    Runc,
    /// containers/crun.
    Crun,
    /// youki-dev/youki.
    Youki,
    /// The agent of Kata Containers. Its containers are in a machine of their own, which asks no FUSE server of the host on its
    /// behalf: what may be mounted there is known, and of no use.
    Kata,
    /// LXC, and Incus and LXD, which use it.
    Lxc,
}

impl Runtime {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Runc, Self::Crun, Self::Youki, Self::Kata, Self::Lxc];

    /// Its name, as that of its program.
    ///
    /// ```
    /// use lxcfs_core::inject::Runtime;
    ///
    /// assert_eq!(Runtime::ALL.map(Runtime::name), ["runc", "crun", "youki", "kata", "lxc"]);
    /// ```
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Runc => "runc",
            Self::Crun => "crun",
            Self::Youki => "youki",
            Self::Kata => "kata",
            Self::Lxc => "lxc",
        }
    }
}

/// A version; candidates come before what they are candidates of.
///
/// ```
/// use lxcfs_core::inject::Version;
///
/// let version: Version = "1.1.5+ds1".parse().unwrap();
/// assert_eq!(version, Version::new(1, 1, 5));
/// assert!("1.0.0-rc93".parse::<Version>().unwrap() < Version::new(1, 0, 0));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    major: u32,
    minor: u32,
    patch: u32,
    /// The number of a release candidate; `u32::MAX` for a release, which comes after all of them.
    candidate: u32,
}

impl Version {
    /// A release.
    ///
    /// ```
    /// use lxcfs_core::inject::Version;
    ///
    /// assert_eq!(Version::new(1, 1, 5).to_string(), "1.1.5");
    /// ```
    #[must_use]
    pub const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self {
            major,
            minor,
            patch,
            candidate: u32::MAX,
        }
    }

    /// That candidate of this release.
    ///
    /// ```
    /// use lxcfs_core::inject::Version;
    ///
    /// let candidate = Version::new(1, 0, 0).candidate(93);
    /// assert_eq!(candidate.to_string(), "1.0.0-rc93");
    /// assert!(candidate < Version::new(1, 0, 0));
    /// ```
    #[must_use]
    pub const fn candidate(self, number: u32) -> Self {
        Self {
            candidate: number,
            ..self
        }
    }

    /// Whether it is a candidate.
    #[must_use]
    pub(crate) const fn is_candidate(self) -> bool {
        self.candidate != u32::MAX
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)?;
        if self.is_candidate() {
            write!(f, "-rc{}", self.candidate)?;
        }
        Ok(())
    }
}

impl FromStr for Version {
    type Err = ParseReleaseError;

    /// `1.1.5`, `1.1.5+ds1`, `1.0.0-rc93`, `1.0.0~rc93`, `v1.4.0-rc.1`, `1.2`.
    fn from_str(text: &str) -> Result<Self, ParseReleaseError> {
        let wrong = || ParseReleaseError::Version(text.to_owned());
        let number = |digits: &str| digits.parse::<u32>().map_err(|_| wrong());
        let plain = text.strip_prefix('v').unwrap_or(text);
        let end = plain.find(|c: char| !c.is_ascii_digit() && c != '.');
        let (numbers, rest) = end.and_then(|end| plain.split_at_checked(end)).unwrap_or((plain, ""));
        let mut numbers = numbers.trim_end_matches('.').split('.');
        let major = number(numbers.next().unwrap_or_default())?;
        let minor = numbers.next().map_or(Ok(0), number)?;
        let patch = numbers.next().map_or(Ok(0), number)?;
        let release = Self::new(major, minor, patch);
        let Some(rest) = rest.strip_prefix(['-', '~']).and_then(|rest| rest.strip_prefix("rc")) else {
            return Ok(release);
        };
        let digits = rest.trim_start_matches('.');
        let digits = digits.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
        Ok(release.candidate(number(digits)?))
    }
}

/// A runtime of a version, if that is known.
///
/// ```
/// use lxcfs_core::inject::{Release, Runtime, Version};
///
/// let release: Release = "runc@1.1.5".parse().unwrap();
/// assert_eq!(release, Release { runtime: Runtime::Runc, version: Some(Version::new(1, 1, 5)) });
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Release {
    /// Which runtime.
    pub runtime: Runtime,
    /// Which version; none for any release.
    pub version: Option<Version>,
}

impl Release {
    /// Any release of it.
    ///
    /// ```
    /// use lxcfs_core::inject::{Release, Runtime};
    ///
    /// assert_eq!("crun".parse(), Ok(Release::any(Runtime::Crun)));
    /// ```
    #[must_use]
    pub const fn any(runtime: Runtime) -> Self {
        Self { runtime, version: None }
    }

    /// From what a runtime prints of itself: `runc version 1.1.5+ds1`.
    ///
    /// # Errors
    ///
    /// [`ParseReleaseError`] if no line is such a line.
    ///
    /// ```
    /// use lxcfs_core::inject::Release;
    ///
    /// let printed = "runc version 1.1.5+ds1\ncommit: 1.1.5+ds1-1+b1\nspec: 1.0.2-dev\n";
    /// assert_eq!(Release::from_version_output(printed), "runc@1.1.5".parse());
    /// ```
    pub fn from_version_output(text: &str) -> Result<Self, ParseReleaseError> {
        let first = text.lines().next().unwrap_or_default();
        let words = text.lines().find_map(|line| {
            let (name, version) = line.split_once(" version ")?;
            Some((name.trim(), version.split_whitespace().next()?))
        });
        let (name, version) = words.ok_or_else(|| ParseReleaseError::Runtime(first.to_owned()))?;
        format!("{name}@{version}").parse()
    }
}

impl FromStr for Release {
    type Err = ParseReleaseError;

    /// `runc@1.1.5`, or `crun` for any release.
    fn from_str(text: &str) -> Result<Self, ParseReleaseError> {
        let (name, version) = text
            .split_once('@')
            .map_or((text, None), |(name, version)| (name, Some(version)));
        let runtime = Runtime::ALL
            .into_iter()
            .find(|runtime| runtime.name() == name)
            .ok_or_else(|| ParseReleaseError::Runtime(text.to_owned()))?;
        Ok(Self {
            runtime,
            version: version.map(str::parse).transpose()?,
        })
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.runtime.name())?;
        self.version.map_or(Ok(()), |version| write!(f, "@{version}"))
    }
}

/// That is no release of a runtime.
///
/// ```
/// use lxcfs_core::inject::{ParseReleaseError, Release};
///
/// let error = "gvisor".parse::<Release>().unwrap_err();
/// assert_eq!(error, ParseReleaseError::Runtime("gvisor".to_owned()));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseReleaseError {
    /// An unknown runtime.
    #[error("{0:?} is no runtime that is known here; known are runc, crun, youki, kata and lxc, as in runc@1.1.5")]
    Runtime(String),
    /// No version.
    #[error("{0:?} is no version; one is 1.1.5 or 1.0.0-rc93")]
    Version(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        text.parse().unwrap()
    }

    #[test]
    fn candidates_come_before_their_release_and_by_number() {
        let mut versions = [
            "1.0.0",
            "1.0.0-rc93",
            "1.0.0-rc6",
            "1.0.1",
            "0.1.1",
            "1.10.0",
            "1.4.0-rc.1",
            "1.4.0",
        ]
        .map(version);
        versions.sort();
        assert_eq!(
            versions.map(|version| version.to_string()),
            [
                "0.1.1",
                "1.0.0-rc6",
                "1.0.0-rc93",
                "1.0.0",
                "1.0.1",
                "1.4.0-rc1",
                "1.4.0",
                "1.10.0"
            ]
        );
    }

    #[test]
    fn versions_are_read_as_distributions_write_them() {
        assert_eq!(version("1.1.5+ds1"), Version::new(1, 1, 5));
        assert_eq!(version("1.0.0~rc93+ds1-5"), Version::new(1, 0, 0).candidate(93));
        assert_eq!(version("v1.2"), Version::new(1, 2, 0));
        assert_eq!(version("1.3.0-dev"), Version::new(1, 3, 0));
        for wrong in ["", "x", "-1", "99999999999", "1.0.0-rc"] {
            assert!(wrong.parse::<Version>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn runtimes_are_known_by_what_they_print() {
        for (text, release) in [
            (
                "runc version 1.1.5+ds1\ncommit: 1.1.5+ds1-1+deb12u1\nspec: 1.0.2-dev\n",
                "runc@1.1.5",
            ),
            (
                "crun version 1.8.1\ncommit: f8a096be060b22ccd3d5f3ebe44108517fbf6c30\n",
                "crun@1.8.1",
            ),
            ("youki version 0.5.5\n", "youki@0.5.5"),
        ] {
            assert_eq!(Release::from_version_output(text).unwrap().to_string(), release);
        }
        assert!(Release::from_version_output("runsc version release-2024\n").is_err());
        assert!(Release::from_version_output("").is_err());
    }

    #[test]
    fn a_runtime_without_a_version_is_any_release() {
        assert_eq!("crun".parse(), Ok(Release::any(Runtime::Crun)));
        assert!(
            "docker"
                .parse::<Release>()
                .unwrap_err()
                .to_string()
                .contains("known are runc")
        );
        assert!("runc@new".parse::<Release>().unwrap_err().to_string().contains("1.1.5"));
    }
}

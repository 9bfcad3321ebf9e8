//! Reading how many tests passed from what a test program printed.

use std::fmt;

/// How many passed, failed and were skipped.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Counts {
    pub(super) passed: usize,
    pub(super) failed: usize,
    pub(super) skipped: usize,
}

impl Counts {
    pub(super) const NONE: Self = Self { passed: 0, failed: 0, skipped: 0 };
    pub(super) const ONE_PASSED: Self = Self { passed: 1, failed: 0, skipped: 0 };
    pub(super) const ONE_FAILED: Self = Self { passed: 0, failed: 1, skipped: 0 };
    pub(super) const ONE_SKIPPED: Self = Self { passed: 0, failed: 0, skipped: 1 };

    /// The sum of both.
    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            passed: self.passed + other.passed,
            failed: self.failed + other.failed,
            skipped: self.skipped + other.skipped,
        }
    }

    /// The sum of every summary line, or nothing where there is none.
    pub(super) fn read(output: &str) -> Option<Self> {
        output.lines().filter_map(read_line).reduce(Self::plus)
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

/// Reads one line, where it is the summary of nextest, of libtest, of vitest, of the journeys, or our own form.
fn read_line(line: &str) -> Option<Counts> {
    let line = line.trim();
    let is_own = line.starts_with(|sign: char| sign.is_ascii_digit()) && line.contains(" passed, ");
    let is_summary = line.starts_with("Summary [")
        || line.starts_with("test result:")
        || line.starts_with("Tests ")
        || line.starts_with("journeys: ")
        || is_own;
    if !is_summary {
        return None;
    }
    let mut counts = Counts::NONE;
    let mut number: Option<usize> = None;
    for word in line.split_whitespace() {
        let word = word.trim_matches(|sign: char| !sign.is_ascii_alphanumeric());
        match (word, number) {
            ("passed", Some(count)) => counts.passed += count,
            ("failed" | "timed", Some(count)) => counts.failed += count,
            ("skipped" | "ignored" | "todo", Some(count)) => counts.skipped += count,
            _ => {}
        }
        number = word.parse().ok();
    }
    Some(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summaries_of_known_test_programs_are_read() {
        for (output, expect) in [
            (
                "   Summary [   1.234s] 12 tests run: 10 passed (1 slow), 1 failed, 1 timed out, 3 skipped",
                Some((10, 2, 3)),
            ),
            (
                "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out\n\
                 test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out",
                Some((5, 0, 1)),
            ),
            (" Test Files  2 passed (2)\n      Tests  1 failed | 7 passed (8)", Some((7, 1, 0))),
            ("9 passed, 0 failed, 2 skipped", Some((9, 0, 2))),
            ("journeys: 15 passed, 1 failed, 0 skipped; screenshots in x", Some((15, 1, 0))),
            ("built in 3 s\n3 passed by", None),
        ] {
            let got = Counts::read(output).map(|one| (one.passed, one.failed, one.skipped));
            assert_eq!(got, expect, "{output}");
        }
    }
}

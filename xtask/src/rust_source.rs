//! A scanner for Rust text, as little as the rules need: which bytes are code, which are
//! comment, where functions begin and end, which files a file includes.
//!
//! It is not a parser. It masks strings and comments by the lexical rules (nested block
//! comments, raw strings, lifetimes against character literals) and then counts braces.

/// Source text split into two texts of equal length and equal line breaks.
pub(crate) struct Masked {
    /// The code; comments and the insides of literals are spaces.
    pub(crate) code: String,
    /// The comments; everything else is spaces.
    pub(crate) comments: String,
}

/// A function and the lines it covers, counted from 1, both ends included.
#[derive(Debug, PartialEq)]
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) first: usize,
    pub(crate) last: usize,
}

/// A file that a file brings in: `mod name;` inside the named inline modules, or a path.
#[derive(Debug, PartialEq)]
pub(crate) struct Inclusion {
    /// Inline modules around it, outermost first.
    pub(crate) inside: Vec<String>,
    /// What is brought in.
    pub(crate) target: Target,
}

/// How a file is named by the file that brings it in.
#[derive(Debug, PartialEq)]
pub(crate) enum Target {
    /// `mod name;`
    Module(String),
    /// `#[path = "…"] mod name;` or `include!("…")`, relative to the file's folder.
    Path(String),
}

/// The line of a byte, counted from 1.
pub(crate) fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

#[derive(Clone, Copy, PartialEq)]
enum Part {
    Code,
    Comment,
    Literal,
}

/// Splits source text into code and comments.
pub(crate) fn mask(text: &str) -> Masked {
    let bytes = text.as_bytes();
    let mut parts = vec![Part::Code; bytes.len()];
    let mut at = 0;
    while at < bytes.len() {
        let (end, part) = match bytes[at] {
            b'/' if bytes.get(at + 1) == Some(&b'/') => (line_end(bytes, at), Part::Comment),
            b'/' if bytes.get(at + 1) == Some(&b'*') => (block_end(bytes, at), Part::Comment),
            b'"' => (string_end(bytes, at), Part::Literal),
            b'r' | b'b' | b'c' if starts_word(bytes, at) => match raw_end(bytes, at) {
                Some(end) => (end, Part::Literal),
                None => (at + 1, Part::Code),
            },
            b'\'' => match character_end(bytes, at) {
                Some(end) => (end, Part::Literal),
                None => (at + 1, Part::Code),
            },
            _ => (at + 1, Part::Code),
        };
        let end = end.min(bytes.len());
        parts[at..end].fill(part);
        at = end;
    }
    let only = |wanted: Part| -> String {
        let kept = bytes.iter().zip(&parts).map(|(byte, part)| match byte {
            b'\n' => b'\n',
            byte if *part == wanted => *byte,
            _ => b' ',
        });
        String::from_utf8_lossy(&kept.collect::<Vec<u8>>()).into_owned()
    };
    Masked { code: only(Part::Code), comments: only(Part::Comment) }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

fn starts_word(bytes: &[u8], at: usize) -> bool {
    at == 0 || !is_word(bytes[at - 1])
}

fn line_end(bytes: &[u8], at: usize) -> usize {
    bytes[at..].iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |length| at + length)
}

fn block_end(bytes: &[u8], start: usize) -> usize {
    let mut depth = 0_usize;
    let mut at = start;
    while at < bytes.len() {
        match (bytes[at], bytes.get(at + 1)) {
            (b'/', Some(b'*')) => {
                depth += 1;
                at += 2;
            }
            (b'*', Some(b'/')) => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    bytes.len()
}

fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// The end of `r"…"`, `r#"…"#`, `br"…"`, `cr"…"`, `b"…"`, `c"…"` or `b'…'` that begins at `start`.
fn raw_end(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start;
    let mut raw = bytes[at] == b'r';
    if !raw && bytes.get(at + 1) == Some(&b'r') {
        raw = true;
        at += 1;
    }
    at += 1;
    if !raw {
        return match bytes.get(at)? {
            b'"' => Some(string_end(bytes, at)),
            b'\'' if bytes[start] == b'b' => character_end(bytes, at),
            _ => None,
        };
    }
    let hashes = bytes[at..].iter().take_while(|byte| **byte == b'#').count();
    at += hashes;
    if bytes.get(at) != Some(&b'"') {
        return None;
    }
    let mut close = vec![b'"'];
    close.resize(1 + hashes, b'#');
    let length = bytes[at + 1..].windows(close.len()).position(|window| window == close);
    Some(length.map_or(bytes.len(), |length| at + 1 + length + close.len()))
}

/// The end of a character literal, or nothing when the quote begins a lifetime.
fn character_end(bytes: &[u8], start: usize) -> Option<usize> {
    if bytes.get(start + 1)? == &b'\\' {
        let close = bytes[start + 3..].iter().position(|byte| *byte == b'\'')?;
        return Some(start + 3 + close + 1);
    }
    let text = std::str::from_utf8(&bytes[start + 1..(start + 5).min(bytes.len())]);
    let first = match text {
        Ok(text) => text.chars().next(),
        Err(error) => {
            let valid = &bytes[start + 1..start + 1 + error.valid_up_to()];
            std::str::from_utf8(valid).ok().and_then(|text| text.chars().next())
        }
    }?;
    let close = start + 1 + first.len_utf8();
    (bytes.get(close) == Some(&b'\'')).then_some(close + 1)
}

/// Every function with a body, nested ones too.
pub(crate) fn functions(code: &str) -> Vec<Function> {
    let bytes = code.as_bytes();
    let mut found = Vec::new();
    for (at, word) in words(code) {
        if word != "fn" {
            continue;
        }
        let Some((name_at, name)) = next_word(code, at + 2) else { continue };
        // `fn(u8)` is a type: its next sign is a bracket, not a name.
        if !code[at + 2..name_at].trim().is_empty() {
            continue;
        }
        let Some(open) = body_start(bytes, name_at) else { continue };
        let close = matching_brace(bytes, open);
        found.push(Function {
            name: name.to_owned(),
            first: line_of(code, at),
            last: line_of(code, close.min(bytes.len())),
        });
    }
    found
}

/// Every `mod name;`, `#[path]` module and `include!` of a file.
///
/// `text` is the source itself, because masking blanks the paths.
pub(crate) fn inclusions(text: &str, code: &str) -> Vec<Inclusion> {
    let bytes = code.as_bytes();
    let mut open_modules: Vec<(String, usize)> = Vec::new();
    let mut found = Vec::new();
    for (at, word) in words(code) {
        open_modules.retain(|(_, close)| *close > at);
        let inside = || open_modules.iter().map(|(name, _)| name.clone()).collect();
        if word == "include" && code[at + word.len()..].trim_start().starts_with('!') {
            if let Some(path) = quoted_after(text, code, at) {
                found.push(Inclusion { inside: Vec::new(), target: Target::Path(path) });
            }
            continue;
        }
        if word == REGISTRY {
            let words = registry_words(code, at + word.len());
            found.extend(
                words.map(|name| Inclusion { inside: inside(), target: Target::Module(name) }),
            );
        }
        if word != "mod" {
            continue;
        }
        let Some((name_at, name)) = next_word(code, at + 3) else { continue };
        let after = name_at + name.len();
        match code[after..].trim_start().as_bytes().first() {
            Some(b'{') => {
                let open = after + code[after..].find('{').expect("the brace was just seen");
                open_modules.push((name.to_owned(), matching_brace(bytes, open)));
            }
            Some(b';') => {
                let target = match path_attribute(text, code, at) {
                    Some(path) => Target::Path(path),
                    None => Target::Module(name.to_owned()),
                };
                found.push(Inclusion { inside: inside(), target });
            }
            _ => {}
        }
    }
    found
}

/// The words of every call of the registry's macro.
pub(crate) fn registry(code: &str) -> Vec<String> {
    let calls = words(code).filter(|(_, word)| *word == REGISTRY);
    calls.flat_map(|(at, word)| registry_words(code, at + word.len())).collect()
}

/// The macro whose words are modules: the list of domains.
const REGISTRY: &str = "registry";

/// The words between the braces of a call of the registry's macro that begins at a byte.
fn registry_words(code: &str, at: usize) -> impl Iterator<Item = String> {
    let call = code[at..].strip_prefix('!').map(str::trim_start);
    let inner =
        call.and_then(|call| call.strip_prefix('{')?.split_once('}')).map(|(inner, _)| inner);
    words(inner.unwrap_or_default()).map(|(_, word)| word.to_owned())
}

/// The value of a `#[path = "…"]` in the attributes right before a `mod`.
fn path_attribute(text: &str, code: &str, at: usize) -> Option<String> {
    let start = code[..at].rfind([';', '}', '{']).map_or(0, |before| before + 1);
    let attribute = start + code[start..at].find("path")?;
    code[start..attribute].trim_end().ends_with('[').then(|| quoted_after(text, code, attribute))?
}

/// The first string literal after a byte, up to the end of the statement or attribute.
fn quoted_after(text: &str, code: &str, at: usize) -> Option<String> {
    let end = at + code[at..].find([';', ']'])?;
    let mut quotes = text[at..end].split('"');
    quotes.next()?;
    quotes.next().map(str::to_owned)
}

/// Every identifier and keyword with the byte it begins at.
pub(crate) fn words(code: &str) -> impl Iterator<Item = (usize, &str)> {
    let bytes = code.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        while at < bytes.len() && !is_word(bytes[at]) {
            at += 1;
        }
        let start = at;
        while at < bytes.len() && is_word(bytes[at]) {
            at += 1;
        }
        (start < at).then(|| (start, &code[start..at]))
    })
}

fn next_word(code: &str, at: usize) -> Option<(usize, &str)> {
    words(&code[at..]).next().map(|(offset, word)| (at + offset, word))
}

/// The brace that opens a function's body, or nothing for a declaration without one.
fn body_start(bytes: &[u8], from: usize) -> Option<usize> {
    let mut depth = 0_i32;
    for (offset, byte) in bytes[from..].iter().enumerate() {
        match byte {
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth -= 1,
            b'{' if depth == 0 => return Some(from + offset),
            b';' if depth == 0 => return None,
            _ => {}
        }
    }
    None
}

fn matching_brace(bytes: &[u8], open: usize) -> usize {
    let mut depth = 0_i32;
    for (offset, byte) in bytes[open..].iter().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => continue,
        }
        if depth == 0 {
            return open + offset;
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_and_comments_are_masked() {
        for (text, code, comments) in [
            ("a // b\nc", "a     \nc", "  // b\n "),
            ("a /* /* b */ c */ d", "a                 d", "  /* /* b */ c */  "),
            ("f(\"x\\\"{\")", "f(      )", "         "),
            ("r#\"{\"# + b'{' + '{'", "       +      +    ", "                     "),
            ("fn f<'a>(x: &'a u8)", "fn f<'a>(x: &'a u8)", "                   "),
            ("'\\'' '\\u{7b}' b\"{\"", "                     ", "                     "),
            ("bar\"{\"", "bar   ", "      "),
        ] {
            let got = mask(text);
            assert_eq!(got.code.trim_end(), code.trim_end(), "code of {text}");
            assert_eq!(got.comments.trim_end(), comments.trim_end(), "comments of {text}");
            assert_eq!(got.code.len(), text.len(), "length of {text}");
        }
    }

    #[test]
    fn functions_are_found_with_their_lines() {
        let text = "trait T { fn a(x: [u8; 3]); }\nfn b() {\n    if true { c() }\n}\n\
                    type F = fn(u8) -> u8;\nconst fn d<const N: usize>()\nwhere\n    u8: Copy,\n{\n}\n";
        let got: Vec<_> =
            functions(text).into_iter().map(|one| (one.name, one.first, one.last)).collect();
        assert_eq!(got, [("b".to_owned(), 2, 4), ("d".to_owned(), 6, 10)]);
    }

    #[test]
    fn inclusions_are_found_with_their_surroundings() {
        let text = "mod a;\n#[cfg(test)]\nmod tests { mod b; }\n#[path = \"x/y.rs\"]\npub mod c;\n\
                    // mod d;\ninclude!(\"z.rs\");\nmod e { fn f() {} }\nmod g;\n\
                    registry::registry! {\n    h\n    i\n}\n";
        let got = inclusions(text, &mask(text).code);
        let of = |inside: &[&str], target| Inclusion {
            inside: inside.iter().map(|name| (*name).to_owned()).collect(),
            target,
        };
        assert_eq!(
            got,
            [
                of(&[], Target::Module("a".to_owned())),
                of(&["tests"], Target::Module("b".to_owned())),
                of(&[], Target::Path("x/y.rs".to_owned())),
                of(&[], Target::Path("z.rs".to_owned())),
                of(&[], Target::Module("g".to_owned())),
                of(&[], Target::Module("h".to_owned())),
                of(&[], Target::Module("i".to_owned())),
            ]
        );
    }
}

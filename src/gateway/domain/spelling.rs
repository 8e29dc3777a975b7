//! How names are sorted and found: by small letters, Chinese ones by pinyin.

use pinyin::ToPinyin;

/// Stands between the spellings of a name; sorted before every sign that can be seen.
const BETWEEN: char = '\t';

/// The spellings of a name for people, by which lists are sorted and searched: for `张伟` its syllables `zhang wei`, the same in
/// one word, its initials `zw`, and the name itself; for a name without Chinese signs the name in small letters.
#[must_use]
pub fn spelled(name: &str) -> String {
    let plain = name.to_lowercase();
    let (mut syllables, mut initials) = (String::new(), String::new());
    let mut chinese = false;
    for c in plain.chars() {
        let Some(syllable) = c.to_pinyin() else {
            if chinese && c != ' ' && syllables.ends_with(|last: char| last.is_ascii_alphabetic()) {
                syllables.push(' ');
            }
            syllables.push(c);
            continue;
        };
        chinese = true;
        if !syllables.is_empty() && !syllables.ends_with(' ') {
            syllables.push(' ');
        }
        syllables.push_str(syllable.plain());
        initials.extend(syllable.plain().chars().next());
    }
    if !chinese {
        return plain;
    }
    let joined: String = syllables.chars().filter(|c| *c != ' ').collect();
    [syllables, joined, initials, plain].join(&BETWEEN.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chinese_names_are_sorted_by_pinyin_among_the_others() {
        let mut names = ["张伟", "Bob", "安娜", "李雷", "alice", "Zoe", "王芳", "李蕾 B"];
        names.sort_by_key(|name| spelled(name));
        assert_eq!(names, ["alice", "安娜", "Bob", "李雷", "李蕾 B", "王芳", "张伟", "Zoe"]);
    }

    #[test]
    fn a_chinese_name_is_found_by_signs_syllables_word_and_initials() {
        let spelled = spelled("张伟");
        for part in ["张", "伟", "张伟", "zhang", "zhang wei", "zhangwei", "zw", "wei"] {
            assert!(spelled.contains(part), "{part}");
        }
        assert_eq!(super::spelled("Ærøskøbing O'Neil"), "ærøskøbing o'neil");
    }
}

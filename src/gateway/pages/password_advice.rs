//! What zxcvbn says against a password, in the visitor's language.

use zxcvbn::feedback::{Feedback, Suggestion, Warning};

use crate::words::Message;

/// Why a password is too easy to guess, and what would help.
#[must_use]
pub fn advice(feedback: &Feedback) -> Message {
    let why = feedback.warning().map(why).into_iter();
    let keys = why.chain(feedback.suggestions().iter().map(help));
    keys.fold(Message::new("password-guessable"), |said, key| said.then(Message::new(key)))
}

fn why(warning: Warning) -> &'static str {
    match warning {
        Warning::StraightRowsOfKeysAreEasyToGuess => "advice-rows",
        Warning::ShortKeyboardPatternsAreEasyToGuess => "advice-keyboard",
        Warning::RepeatsLikeAaaAreEasyToGuess => "advice-repeats",
        Warning::RepeatsLikeAbcAbcAreOnlySlightlyHarderToGuess => "advice-repeats-longer",
        Warning::ThisIsATop10Password | Warning::ThisIsATop100Password | Warning::ThisIsACommonPassword => {
            "advice-common"
        }
        Warning::ThisIsSimilarToACommonlyUsedPassword => "advice-similar",
        Warning::SequencesLikeAbcAreEasyToGuess => "advice-sequences",
        Warning::RecentYearsAreEasyToGuess => "advice-years",
        Warning::AWordByItselfIsEasyToGuess => "advice-word",
        Warning::DatesAreOftenEasyToGuess => "advice-dates",
        Warning::NamesAndSurnamesByThemselvesAreEasyToGuess
        | Warning::CommonNamesAndSurnamesAreEasyToGuess => "advice-names",
    }
}

fn help(suggestion: &Suggestion) -> &'static str {
    match suggestion {
        Suggestion::UseAFewWordsAvoidCommonPhrases => "advice-use-words",
        Suggestion::NoNeedForSymbolsDigitsOrUppercaseLetters => "advice-no-symbols",
        Suggestion::AddAnotherWordOrTwo => "advice-add-words",
        Suggestion::CapitalizationDoesntHelpVeryMuch => "advice-capitals",
        Suggestion::AllUppercaseIsAlmostAsEasyToGuessAsAllLowercase => "advice-uppercase",
        Suggestion::ReversedWordsArentMuchHarderToGuess => "advice-reversed",
        Suggestion::PredictableSubstitutionsDontHelpVeryMuch => "advice-substitutions",
        Suggestion::UseALongerKeyboardPatternWithMoreTurns => "advice-longer-pattern",
        Suggestion::AvoidRepeatedWordsAndCharacters => "advice-avoid-repeats",
        Suggestion::AvoidSequences => "advice-avoid-sequences",
        Suggestion::AvoidRecentYears
        | Suggestion::AvoidYearsThatAreAssociatedWithYou
        | Suggestion::AvoidDatesAndYearsThatAreAssociatedWithYou => "advice-avoid-years",
    }
}

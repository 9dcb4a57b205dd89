//! Rules as text, and back.

use dism_emu::{DISM_ONLINE_IMAGE, Function, Hresult, ParseRuleError, Progress, Rule, Session};
use proptest::prelude::*;

fn codes() -> impl Strategy<Value = Hresult> {
    prop_oneof![
        any::<u32>().prop_map(Hresult::new),
        prop::sample::select(vec![0, 1, 3010, 0x800F_0902, 0x8007_04C7]).prop_map(Hresult::new),
    ]
}

fn failures() -> impl Strategy<Value = Hresult> {
    any::<u32>().prop_map(|number| Hresult::new(number | 0x8000_0000))
}

/// One change of a rule, by a method of its own.
#[derive(Clone, Debug)]
enum Change {
    Session(u32),
    Image(String),
    Named(String),
    Discards(bool),
    Nth(u32),
    After(u32),
    Times(u32),
    Answer(Hresult),
    Progress(Vec<(u32, u32)>),
    CancelAfter(u32),
    CancellableUntil(u32),
    CancelledWith(Hresult),
    Optional,
    Expect(u32),
}

impl Change {
    fn apply(self, rule: Rule) -> Rule {
        match self {
            Self::Session(number) => rule.session(Session::from_raw(number)),
            Self::Image(path) => rule.image(path),
            Self::Named(name) => rule.named(name),
            Self::Discards(true) => rule.discarding(),
            Self::Discards(false) => rule.committing(),
            Self::Nth(n) => rule.nth(n),
            Self::After(n) => rule.after(n),
            Self::Times(n) => rule.times(n),
            Self::Answer(code) => rule.answer(code),
            Self::Progress(steps) => rule
                .progress(steps.into_iter().map(|(current, total)| Progress::new(current, total))),
            Self::CancelAfter(n) => rule.cancel_after(n),
            Self::CancellableUntil(n) => rule.cancellable_until(n),
            Self::CancelledWith(code) => rule.cancelled_with(code),
            Self::Optional => rule.optional(),
            Self::Expect(n) => rule.expect(n),
        }
    }
}

/// Text that a path or a name can have: quotes, separators, line breaks and escapes included.
fn texts() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), r#"(\\|"|,|u\{22\}|\\u\{|\\x\{|[ab:]|\n| ){0,8}"#]
}

fn changes() -> impl Strategy<Value = Change> {
    let number = || prop_oneof![4 => any::<u32>(), 1 => Just(u32::MAX), 1 => 0..3_u32];
    let progress = prop::collection::vec((number(), number()), 0..3);
    prop_oneof![
        number().prop_map(Change::Session),
        texts().prop_map(Change::Image),
        Just(Change::Image(DISM_ONLINE_IMAGE.to_owned())),
        texts().prop_map(Change::Named),
        any::<bool>().prop_map(Change::Discards),
        number().prop_map(Change::Nth),
        number().prop_map(Change::After),
        (0..4_u32).prop_map(Change::Times),
        codes().prop_map(Change::Answer),
        progress.prop_map(Change::Progress),
        number().prop_map(Change::CancelAfter),
        number().prop_map(Change::CancellableUntil),
        failures().prop_map(Change::CancelledWith),
        Just(Change::Optional),
        number().prop_map(Change::Expect),
    ]
}

fn rules() -> impl Strategy<Value = Rule> {
    let start = prop_oneof![
        3 => prop::sample::select(Function::ALL).prop_map(Rule::on),
        1 => Just(Rule::on_any_operation()),
        1 => Just(Rule::on_any_call()),
        1 => any::<u32>().prop_map(|it| Rule::dead_host(Session::from_raw(it))),
        1 => failures().prop_map(|it| Rule::on(Function::Shutdown).fail_in_effect(it)),
    ];
    (start, prop::collection::vec(changes(), 0..6))
        .prop_map(|(rule, changes)| changes.into_iter().fold(rule, |rule, it| it.apply(rule)))
}

proptest! {
    #[test]
    fn a_rule_that_is_displayed_is_read_back(rule in rules()) {
        let text = rule.to_string();
        prop_assert!(!text.contains('\n'), "{text}");
        let read: Rule = text.parse().map_err(|it| TestCaseError::fail(format!("{text}: {it}")))?;
        prop_assert_eq!(&read, &rule);
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in ".*") {
        let _ = text.parse::<Rule>();
        let _ = format!("DismShutdown {text}").parse::<Rule>();
        let _ = format!("DismShutdown, {text}").parse::<Rule>();
    }
}

#[test]
fn a_rule_is_read_in_the_forms_that_people_write() {
    let add = || Rule::on(Function::AddPackage);
    let read = [
        ("DismAddPackage", add()),
        ("dismaddpackage,answers 3010", add().answer(3010)),
        ("DismAddPackage, answers DISMAPI_E_BUSY", add().fail(Hresult::DISMAPI_E_BUSY)),
        ("DismAddPackage, answers 0x800F0902 (DISMAPI_E_BUSY)", add().fail(0x800F_0902)),
        (r#"DismAddPackage named "a, b.cab" on session 2"#, {
            add().named("a, b.cab").session(Session::from_raw(2))
        }),
        (r#"any operation of "C:\", optional"#, Rule::on_any_operation().image(r"C:\").optional()),
        ("DismOpenSession of online, 2 times", {
            Rule::on(Function::OpenSession).image(DISM_ONLINE_IMAGE).times(2)
        }),
        ("_DismExportDriver, call 3 only", Rule::on(Function::ExportDriver).nth(3)),
        ("GetOsInfo, no progress", Rule::on(Function::GetOsInfo).progress([])),
        ("any call, call 3 only, answers 5", Rule::on_any_call().nth(3).answer(5)),
        ("DismAddPackage, answers 0X800F0902", add().fail(0x800F_0902)),
        ("DismAddPackage, optional, optional", add().optional()),
        ("DismAddProvisionedAppxPackage", Rule::on(Function::AddProvisionedAppxPackage)),
        ("_DismAddProvisionedAppxPackage", Rule::on(Function::AddProvisionedAppxPackage)),
        ("DismInitialize, answers DISMAPI_E_LOGGING_DISABLED in effect", {
            Rule::on(Function::Initialize).fail_in_effect(0xC004_0009)
        }),
    ];
    for (text, rule) in read {
        assert_eq!(text.parse(), Ok(rule), "{text}");
    }
}

/// O6: however its path is spelled.
#[test]
fn a_rule_for_the_online_image_is_read_back() {
    for path in [DISM_ONLINE_IMAGE.to_lowercase(), format!("{DISM_ONLINE_IMAGE}/")] {
        let rule = Rule::on(Function::OpenSession).image(path);
        assert_eq!(rule.to_string(), "DismOpenSession of online, answers 0x00000000 (S_OK)");
        assert_eq!(rule.to_string().parse(), Ok(rule));
    }
}

/// Otherwise the last one would win.
#[test]
fn parts_that_contradict_each_other_are_refused_with_both() {
    let contradicting = [
        ("", r#"named "a""#, r#" named "b""#),
        ("", "on session 2", " on session 3"),
        ("", r#"of "C:\\a""#, " of online"),
        (",", "call 2 only", ", from call 5 on"),
        (",", "call 2 only", ", 3 times"),
        (",", "2 times", ", 3 times"),
        (",", "discarding", ", optional, committing"),
        (",", "optional", ", expected 3 times"),
        (",", "answers 5", ", answers 0x80070005 in effect"),
        (",", "then 5", ", then 6"),
        (",", "no progress", ", progress 0/100"),
        (",", "cancelled after 1", ", cancelled after 2"),
        (",", "cancelled with 0x800704C7", ", cancelled with 0x800704D3"),
        (",", "cancellable until 1", ", cancellable until 2"),
    ];
    for (comma, one, other) in contradicting {
        let text = format!("DismUnmountImage{comma} {one}{other}");
        let error = text.parse::<Rule>().unwrap_err().to_string();
        let other = other.rsplit(", ").next().unwrap().trim();
        assert_eq!(error, format!("`{one}` and `{other}` contradict each other"));
    }
}

#[test]
fn calls_are_counted_from_1() {
    for clause in ["call 0 only", "from call 0 on"] {
        let error = format!("DismAddPackage, {clause}").parse::<Rule>().unwrap_err();
        assert_eq!(error.to_string(), "there is no call 0: calls are counted from 1");
    }
}

/// The first column of the page's table.
#[test]
fn each_rule_of_the_page_is_one() {
    let page = include_str!("../../../src/docs/capi.md");
    let (_, section) = page.split_once("| rule | what happens |\n|---|---|\n").unwrap();
    let rows = section.lines().map_while(|line| line.strip_prefix("| `")?.split_once("` | "));
    let mut count = 0;
    for (text, _) in rows {
        assert!(text.parse::<Rule>().is_ok(), "{text}: {:?}", text.parse::<Rule>());
        count += 1;
    }
    assert_eq!(count, 12);
}

#[test]
fn a_text_that_is_no_rule_is_refused_with_the_part_that_is_wrong() {
    let part = |text: &str| ParseRuleError::Part(text.to_owned());
    let refused = [
        ("", ParseRuleError::Function(String::new())),
        ("AddPackage", ParseRuleError::Function("AddPackage".to_owned())),
        ("any operations", part("s")),
        ("any calls", part("s")),
        ("DismOpenSession of online2", part("online2")),
        ("DismAddPackage at once", part("at once")),
        ("DismAddPackage on 2", part("on 2")),
        ("DismAddPackage on session two", ParseRuleError::Number("two".to_owned())),
        ("DismAddPackage named kb2.cab", part("kb2.cab")),
        ("DismAddPackage, fails", part("fails")),
        ("DismAddPackage,", part("")),
        ("DismAddPackage, 4294967296 times", ParseRuleError::Number("4294967296".to_owned())),
        ("DismAddPackage, answers", ParseRuleError::Code(String::new())),
        ("DismAddPackage, answers BUSY", ParseRuleError::Code("BUSY".to_owned())),
        ("DismAddPackage, answers 5 (S_OK)", ParseRuleError::Code("5 (S_OK)".to_owned())),
        ("DismAddPackage, progress 5", ParseRuleError::Number("5".to_owned())),
        (r#"DismAddPackage named "a"#, ParseRuleError::Quote),
        ("DismShutdown, answers 1 in effect", ParseRuleError::NoEffect),
        ("DismAddPackage, answers 0x80070005 in effect", ParseRuleError::NoEffect),
        ("DismAddPackage, cancelled with 1", ParseRuleError::CancelledWith),
    ];
    for (text, error) in refused {
        assert_eq!(text.parse::<Rule>(), Err(error), "{text}");
    }
}

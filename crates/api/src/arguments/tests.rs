//! Each kind with values that fit and values that do not.

use super::*;

fn read(kind: Kind, form: &str) -> Result<Option<Argument>, String> {
    let parameter = Parameter::optional("It", kind, "What is read.");
    let params = Params::decode("", None, form.as_bytes()).expect("a form");
    let services = ServiceNumbers::from_texts(["95555"]).expect("a service number");
    let reader = Reader {
        params: &params,
        services: &services,
    };
    reader.read(&parameter).map_err(|error| {
        assert_eq!(error.code(), ErrorCode::InvalidParameter);
        error.message()
    })
}

fn fits<T: FromArgument>(kind: Kind, form: &str) -> T {
    let argument = read(kind, form).expect("a value that fits");
    T::from_argument(&argument.expect("a value")).expect("of this type")
}

fn refused(kind: Kind, form: &str) -> String {
    let message = read(kind, form).expect_err("a value that does not fit");
    message
        .strip_prefix("The specified parameter It is invalid. ")
        .expect("the parameter is named")
        .to_owned()
}

fn absent(kind: Kind, form: &str) {
    assert!(read(kind, form).expect("no fault").is_none(), "{form}");
}

const PERCENT: Kind = Kind::Integer {
    min: 1,
    max: 100,
    zero_is_absent: true,
};

#[test]
fn integers_keep_to_their_range_and_zero_may_stand_for_absent() {
    assert_eq!(fits::<i64>(PERCENT, "it=100"), 100);
    absent(PERCENT, "it=0");
    absent(PERCENT, "it=");
    assert_eq!(refused(PERCENT, "it=101"), "It must be 1 to 100.");
    assert_eq!(refused(PERCENT, "it=-1"), "It must be 1 to 100.");
    assert_eq!(refused(PERCENT, "it=many"), "It must be an integer.");
}

#[test]
fn zero_is_a_value_of_a_flag_and_no_moment() {
    assert!(!fits::<bool>(Kind::Flag, "it=0"));
    assert!(fits::<bool>(Kind::Flag, "it=1"));
    assert_eq!(refused(Kind::Flag, "it=2"), "It must be 0 or 1.");
    absent(Kind::UnixSeconds, "it=0");
    let moment = fits::<Timestamp>(Kind::UnixSeconds, "it=1767225600");
    assert_eq!(moment, Timestamp::from_unix_s(1_767_225_600));
}

#[test]
fn only_free_text_may_have_line_breaks_and_no_text_other_control_characters() {
    let (line, free) = (Kind::Text { chars_max: 4 }, Kind::FreeText { chars_max: 4 });
    assert_eq!(fits::<String>(line, "it=号码%F0%9F%98%80!"), "号码😀!");
    assert_eq!(fits::<String>(free, "it=a%0D%0A%09"), "a\r\n\t");
    for kind in [line, free] {
        assert!(refused(kind, "it=a%00").contains("control characters"));
        assert_eq!(
            refused(kind, "it=12345"),
            "It must have at most 4 characters."
        );
    }
    assert!(refused(line, "it=a%0A").contains("line breaks included"));
}

#[test]
fn a_service_number_is_a_party_only_when_it_is_registered() {
    let bank: PhoneNumber = fits(Kind::Party, "it=95555");
    assert_eq!(bank.expose().to_string(), "95555");
    assert!(refused(Kind::Party, "it=95588").contains("not registered"));
    let any: PhoneNumber = fits(Kind::Number, "it=95588");
    assert_eq!(any.expose().to_string(), "95588");
    let wrong = refused(Kind::Party, "it=1370000000");
    assert!(wrong.starts_with("Write a mobile number as 11 digits"));
}

#[test]
fn a_degrade_list_holds_up_to_five_cities_or_capitals() {
    let cities: Vec<DegradeCity> = fits(Kind::DegradeCities, "it=pnpc,010");
    let beijing = CityCode::parse("010").expect("a city");
    assert_eq!(
        cities,
        [DegradeCity::ProvincialCapital, DegradeCity::City(beijing)]
    );
    assert!(refused(Kind::DegradeCities, "it=010,9").starts_with("Entry 2: "));
    assert_eq!(
        refused(Kind::DegradeCities, "it=010,010,010,010,010,010"),
        "It must have at most 5 entries."
    );
}

#[test]
fn words_are_known_in_any_case_and_come_as_the_table_writes_them() {
    let kind = Kind::Enumeration(&["updateOutId", "updateUserData"]);
    assert_eq!(fits::<&str>(kind, "it=UPDATEOUTID"), "updateOutId");
    assert_eq!(
        refused(kind, "it=other"),
        "It must be one of updateOutId, updateUserData."
    );
}

#[test]
fn a_foreign_binding_id_is_no_mistake_in_form() {
    let foreign: SubIdText = fits(Kind::SubId, "it=SS1760945125168448b6w66orfqsi0");
    assert_eq!(foreign, SubIdText(None));
    let ours: SubIdText = fits(Kind::SubId, "it=S17489497030000a1b2c3d");
    assert!(ours.0.is_some());
    let long = format!("it={}", "S".repeat(65));
    assert_eq!(
        refused(Kind::SubId, &long),
        "It must have at most 64 characters."
    );
}

#[test]
fn a_refused_number_of_a_list_is_told_by_its_place_and_not_repeated() {
    let kind = Kind::Numbers { items_max: 2 };
    let numbers: Vec<PhoneNumber> = fits(kind, "it=17000000000&it=17000000001");
    assert_eq!(numbers.len(), 2);
    let wrong = refused(kind, "it=17000000000,170000000019");
    assert!(wrong.starts_with("Entry 2: "));
    assert!(!wrong.contains("170000000019"));
    assert_eq!(refused(kind, "it=1,2,3"), "It must have at most 2 entries.");
}

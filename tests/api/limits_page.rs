//! Limits and exams on the pages of a user and of a group.

use actix_web::http::StatusCode;
use hubgate::config::{Config, ProfileSpec, ProfileSpecs};
use hubgate::store::{groups, users};

use crate::support::{Character, TestHub};

const USER: &str = "/jupyterhub/hub/admin/user/kid";
const GROUP: &str = "/jupyterhub/hub/admin/group/g1";

/// An administrator, and kid, who is in the group g1.
async fn hub() -> TestHub {
    let change = |config: &mut Config| {
        config.admin_users = vec!["boss".parse().unwrap()];
        config.profiles = ProfileSpecs(vec![ProfileSpec::new("small"), ProfileSpec::new("exam")]);
    };
    let test = TestHub::with(Character::Obedient, change).await.with_user("boss").with_user("kid");
    let member = |c: &mut hubgate::store::Conn| {
        let id = groups::insert(c, &"g1".parse().unwrap(), &hubgate::store::Object::new())?;
        let kid = users::id_of(c, &"kid".parse().unwrap())?;
        groups::add_members(c, id, &[kid])
    };
    test.hub.store.write(member).unwrap();
    hubgate::state::reload::reload(&test.hub).await.unwrap();
    test
}

#[actix_web::test]
async fn limits_of_a_group_and_a_user_are_set_on_their_pages_which_say_who_states_them() {
    let test = hub().await;
    let boss = test.login("boss").await;
    let xsrf = test.get(USER, &boss).await.xsrf();
    for (form, page, value, said) in [
        ("limits/group/g1", GROUP, "2G", "value=\"2G\""),
        ("limits/user/kid", USER, "", "2.0 GiB (group g1)"),
        ("limits/user/kid", USER, "3G", "3.0 GiB (set below)"),
    ] {
        let body = format!("_xsrf={xsrf}&mem_limit={value}");
        let set = test.post(&format!("/jupyterhub/hub/admin/{form}"), &boss, &body).await;
        assert_eq!(
            (set.status, set.location()),
            (StatusCode::FOUND, format!("{page}?saved=limits").as_str())
        );
        let shown = test.get(set.location(), &boss).await.body;
        assert!(shown.contains("id=\"saved\"") && shown.contains(said), "{form} {value}: {shown}");
    }
}

#[actix_web::test]
async fn limits_that_are_not_taken_come_back_in_their_fields_each_with_its_reason() {
    let test = hub().await;
    let boss = test.login("boss").await;
    let xsrf = test.get(USER, &boss).await.xsrf();
    let post = async |form: &str, fields: &str| {
        test.post(&format!("/jupyterhub/hub/admin/limits/{form}"), &boss, &format!("_xsrf={xsrf}&{fields}"))
            .await
    };
    assert_eq!(post("user/kid", "mem_limit=3G").await.status, StatusCode::FOUND);
    for form in ["user/kid", "group/g1"] {
        let refused = post(form, "mem_limit=much%22%3E&cpu_limit=1.5&tasks_limit=2").await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{form}");
        for part in [
            "name=\"mem_limit\" value=\"much&#34;&#62;\"",
            "id=\"mem_limit-fault\">Not taken: 64M to 1024T",
            "name=\"cpu_limit\" value=\"1.5\"",
            "id=\"tasks_limit-fault\">Not taken: a whole number from 16",
        ] {
            assert!(refused.body.contains(part), "{form} {part}: {}", refused.body);
        }
        assert_eq!(refused.body.matches("aria-invalid").count(), 2, "{form}");
    }
    assert!(test.get(USER, &boss).await.body.contains("3.0 GiB"), "nothing has changed");
    assert!(!test.get(GROUP, &boss).await.body.contains("value=\"1.5\""), "nothing has changed");
    let foreign = test.login("kid").await;
    let body = format!("_xsrf={}&mem_limit=much", test.get("/jupyterhub/hub/home", &foreign).await.xsrf());
    let kept = test.post("/jupyterhub/hub/admin/limits/user/boss", &foreign, &body).await;
    assert!(kept.status == StatusCode::FORBIDDEN || kept.status == StatusCode::NOT_FOUND, "{}", kept.status);
}

#[actix_web::test]
async fn an_exam_begins_and_ends_on_the_page_of_its_group_with_a_profile_of_the_site() {
    let test = hub().await;
    let boss = test.login("boss").await;
    let page = test.get(GROUP, &boss).await;
    assert!(page.body.contains("<option value=\"exam\">exam</option>"), "{}", page.body);
    let exam = async |fields: String| {
        let body = format!("_xsrf={}&{fields}", page.xsrf());
        test.post("/jupyterhub/hub/admin/exam/g1", &boss, &body).await
    };
    let begun = exam("act=begin&minutes=90&profile=exam".to_owned()).await;
    assert_eq!(begun.location(), format!("{GROUP}?saved=exam"), "{}", begun.body);
    let shown = test.get(GROUP, &boss).await.body;
    assert!(
        shown.contains("<option value=\"exam\" selected>") && shown.contains("id=\"exam-end\""),
        "{shown}"
    );
    assert_eq!(exam("act=begin&minutes=90&profile=none".to_owned()).await.status, StatusCode::BAD_REQUEST);
    for minutes in ["", "0", "-5", "10081", "soon"] {
        assert_eq!(
            exam(format!("act=begin&minutes={minutes}")).await.status,
            StatusCode::BAD_REQUEST,
            "{minutes}"
        );
    }
    assert_eq!(exam("act=end".to_owned()).await.status, StatusCode::FOUND);
    assert!(!test.get(GROUP, &boss).await.body.contains("id=\"exam-end\""));
}

#[actix_web::test]
async fn whoever_may_not_change_them_sees_no_form() {
    let test = hub().await;
    let kid = test.login("kid").await;
    for page in [USER, GROUP] {
        assert_eq!(test.get(page, &kid).await.status, StatusCode::FORBIDDEN);
    }
    let body = format!("_xsrf={}&mem_limit=3G", test.get("/jupyterhub/hub/home", &kid).await.xsrf());
    for form in ["limits/user/kid", "limits/group/g1"] {
        let refused = test.post(&format!("/jupyterhub/hub/admin/{form}"), &kid, &body).await;
        assert!(refused.status.is_client_error(), "{form}: {}", refused.status);
    }
    assert_eq!(test.hub.directory().limits_of_user(&"kid".parse().unwrap()).memory, None);
}

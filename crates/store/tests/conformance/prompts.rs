//! Prompts and their audio.

use axbridge_domain::account::AccountId;
use axbridge_store::model::{Prompt, PromptRow};

use crate::world::{World, at, other_account};

scenarios!(
    a_prompt_is_kept_with_its_audio,
    the_same_code_takes_the_place_of_what_was,
    accounts_have_prompts_of_their_own,
    an_account_keeps_as_many_prompts_as_it_may,
);

const MANY: u64 = 100;

fn prompt(account: AccountId, code: &str, audio: &[u8], made_ms: i64) -> Prompt {
    Prompt {
        account,
        code: code.to_owned(),
        audio: audio.to_vec(),
        created_at: at(made_ms),
    }
}

fn own(code: &str, audio: &[u8], made_ms: i64) -> Prompt {
    prompt(AccountId::DEFAULT, code, audio, made_ms)
}

async fn keep(world: &World, prompt: &Prompt) {
    let kept = world.store.keep_prompt(prompt, MANY).await;
    assert!(kept.expect("works"));
}

async fn a_prompt_is_kept_with_its_audio(world: &mut World) {
    let every_byte: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let made = own("welcome", &every_byte, 5);
    keep(world, &made).await;
    world.reopen(at(10)).await;
    let found = world.store.prompt(AccountId::DEFAULT, "welcome").await;
    assert_eq!(found.expect("works"), Some(made));
    let missing = world.store.prompt(AccountId::DEFAULT, "Welcome").await;
    assert_eq!(missing.expect("works"), None);
}

async fn the_same_code_takes_the_place_of_what_was(world: &mut World) {
    keep(world, &own("b", &[1; 80], 1)).await;
    keep(world, &own("a", &[2; 16], 2)).await;
    keep(world, &own("b", &[3; 8], 3)).await;
    let row = |code: &str, bytes, made_ms| PromptRow {
        code: code.to_owned(),
        bytes,
        created_at: at(made_ms),
    };
    let listed = world.store.list_prompts(AccountId::DEFAULT).await;
    assert_eq!(listed.expect("works"), [row("a", 16, 2), row("b", 8, 3)]);
    let found = world.store.prompt(AccountId::DEFAULT, "b").await;
    assert_eq!(found.expect("works"), Some(own("b", &[3; 8], 3)));
}

async fn accounts_have_prompts_of_their_own(world: &mut World) {
    world.add_account(other_account()).await;
    keep(world, &own("code", &[1], 1)).await;
    let store = &world.store;
    assert_eq!(
        store.prompt(other_account(), "code").await.expect("works"),
        None
    );
    assert!(
        !store
            .remove_prompt(other_account(), "code")
            .await
            .expect("works")
    );
    keep(world, &prompt(other_account(), "code", &[2], 2)).await;
    let removed = store.remove_prompt(AccountId::DEFAULT, "code").await;
    assert!(removed.expect("works"));
    assert_eq!(
        store.list_prompts(AccountId::DEFAULT).await.expect("works"),
        []
    );
    assert_eq!(
        store
            .list_prompts(other_account())
            .await
            .expect("works")
            .len(),
        1
    );
}

async fn an_account_keeps_as_many_prompts_as_it_may(world: &mut World) {
    let store = &world.store;
    let kept = async |code: &str| {
        let kept = store.keep_prompt(&own(code, &[1], 1), 2).await;
        kept.expect("works")
    };
    assert!(kept("a").await);
    assert!(kept("b").await);
    assert!(!kept("c").await, "one too many");
    assert!(kept("a").await, "in the place of what was");
    assert!(
        store
            .remove_prompt(AccountId::DEFAULT, "b")
            .await
            .expect("works")
    );
    assert!(kept("c").await);
}

//! Why nothing is written, and what else a person should know.

use crate::plan::Plan;
use crate::render::samples::*;
use crate::render::text;

#[test]
fn every_refusal_and_note_says_what_to_do() {
    let plan = Plan { refusals: all_refusals(), notes: all_notes(), ..empty_plan() };
    insta::assert_snapshot!(text::plan(&plan, &context(&scope_sets()), &PLAIN), @"
    organisation a1b2c3d4, read with key `ci-plan`: 60 live keys, 52 in keys.yaml

    note: this machine's clock is 1 min 13 s behind the server's; the plan goes by the server's
    note: newer than this version of portkey-sync: keys have a field `colour`
    note: the escrow holds a secret (Xk*****7Qz) for payments/checkout, issued 2026-11-22T09:00:00Z,
          which nothing in these files delivers; once nobody needs it, delete escrow/k7m2.json in the
          work folder
    note: the escrow holds the secret (Xk*****7Qz) of the live key payments/checkout
          (183f497a-2c51-4a7e), issued 2026-11-22T09:00:00Z, which no entry of these files delivers; put
          its entry back with `deliver_to`, or delete the key and then escrow/k7m2.json in the work
          folder
    note: escrow/k7m2.json in the work folder holds the undelivered secret (Xk*****7Qz) of
          payments/checkout, encrypted; with --age-identity PATH this run would deliver it, without the
          key gets another one
    note: keys.yaml:12 says `expires_at: null` for organisation/ci, so the next apply lets the key work
          again; write the end there as well, or `absent: true`
    note: the gateway takes no organisation keys, so the new secret of organisation/ci is not tried
    note: no live key looks like the one that portkey-sync runs with, so none is spared; --self ID names
          it
    note: any of 3 keys could be the one that portkey-sync runs with; all are spared; --self ID names it
    note: the pages of the list of keys did not agree, three times; no key is taken for absent
    note: Portkey documents two scopes for a rotation, and `ci-plan` has `.update` only; if rotations
          are refused, give it
      workspace_service_api_keys.update   for ws-a/a, ws-a/b, ws-a/c and 2 more
    note: this looks like a pipeline, and its key `ci-plan` can change keys, which a plan does not need
    hint: the least scopes: portkey-sync explain permissions
    note: 12 keys break `expiry-required` of the root file
      `ws-payments/key-01` never ends (keys.yaml:1)
      `ws-payments/key-02` never ends (keys.yaml:2)
      `ws-payments/key-03` never ends (keys.yaml:3)
      `ws-payments/key-04` never ends (keys.yaml:4)
      `ws-payments/key-05` never ends (keys.yaml:5)
      `ws-payments/key-06` never ends (keys.yaml:6)
      `ws-payments/key-07` never ends (keys.yaml:7)
      `ws-payments/key-08` never ends (keys.yaml:8)
      `ws-payments/key-09` never ends (keys.yaml:9)
      `ws-payments/key-10` never ends (keys.yaml:10)
      and 2 more, which portkey-sync validate shows
    hint: write `expires_at` in the key
    hint: or except a key for a time: a waiver in the root file, with a reason and an end
    note: 1 waiver in the root file excepts nothing
      `expiry-required` is waived for `ws-payments/key-01`, which is in no file (keys.yaml:7)
    hint: remove the waiver or correct its `key`. A rule of the policy file can be waived in that file
          only

    no changes
    left alone     52 keys are as declared

    refused: the files are for organisation `ffff0000-1111`, the running key is of `a1b2c3d4-5e6f`
    hint: run with a key of that organisation, or correct `organisation:` in the root file

    refused: the files are for organisation `ffff0000-1111`, and no live key says which one this is
    hint: run with a key of that organisation, or correct `organisation:` in the root file

    refused: 12 deletions are planned, and at most 5 are allowed
    hint: if all of them are meant: --max-deletes 12

    refused: 1 change is planned, and at most 0 are allowed
    hint: if all of them are meant: --max-changes 1

    refused: --prune deletes keys that carry our mark, and without `managed_by:` none does
    hint: add `managed_by: NAME` to the root file and apply once without --prune

    refused: --prune needs the whole of the files: with a part, keys of the rest look as if in no file
    hint: leave out --target, and name the root file with all that it includes

    refused: --prune waits while 1 entry is blocked: a key in no file could be the one that is meant
    hint: settle what is blocked, or apply without --prune first

    refused: --prune needs a list of keys whose pages agree, and three times they did not
    hint: plan again once nobody else is changing keys

    refused: the service answered something that this version does not know
      keys have a field `colour`
    hint: use a newer portkey-sync, or leave out --strict-contract

    refused: the running key `ci-plan` lacks 1 scope that this plan needs
      workspace_service_api_keys.update   for ws-a/a, ws-a/b, ws-a/c and 2 more
    hint: give it these scopes, or run with a key that has them; see: portkey-sync explain permissions

    refused: 1 key breaks `expiry-required` of the root file
      `ws-payments/key-01` never ends (keys.yaml:1)
    hint: write `expires_at:` in the key
    hint: or except a key for a time: a waiver in the root file, with a reason and an end

    refused: 12 keys break `expiry-required` of org/policy.yaml
      `ws-payments/key-01` never ends (keys.yaml:1)
      `ws-payments/key-02` never ends (keys.yaml:2)
      `ws-payments/key-03` never ends (keys.yaml:3)
      `ws-payments/key-04` never ends (keys.yaml:4)
      `ws-payments/key-05` never ends (keys.yaml:5)
      `ws-payments/key-06` never ends (keys.yaml:6)
      `ws-payments/key-07` never ends (keys.yaml:7)
      `ws-payments/key-08` never ends (keys.yaml:8)
      `ws-payments/key-09` never ends (keys.yaml:9)
      `ws-payments/key-10` never ends (keys.yaml:10)
      `ws-payments/key-11` never ends (keys.yaml:11)
      `ws-payments/key-12` never ends (keys.yaml:12)
    hint: write `expires_at` in the key
    hint: or except a key for a time: a waiver in org/policy.yaml, with a reason and an end

    refused: 1 waiver in the root file has ended
      `expiry-required` is waived for `ws-payments/key-01`, which is in no file (keys.yaml:7)
    hint: let the key keep the rule and remove the waiver, or give the waiver a new end

    refused: 1 waiver in the root file ends too far away
      `expiry-required` is waived for `ws-payments/key-01`, which is in no file (keys.yaml:7)
    hint: let it end sooner, and extend it when the time comes

    refused: 2 risks that --deny-risk does not allow: mints-keys, deleted
      ws-payments/checkout: mints-keys, by its scopes
      ws-research/spike-2025: deleted
    hint: change the files, or let somebody who may accept the risk apply them without that word

    Nothing was written, and apply would refuse.
    ");
}

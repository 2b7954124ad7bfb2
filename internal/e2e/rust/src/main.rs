//! The tests of clerk-rs: one line of JSON on stdout for each.

#![allow(deprecated)] // the list of pending invitations

use std::{collections::HashMap, env, fmt::Debug};

use clerk_rs::apis::configuration::Configuration;
use clerk_rs::apis::{
    Error, organization_invitations_api as invitations, organization_memberships_api as memberships,
};
use clerk_rs::apis::{organizations_api as organizations, users_api as users};
use clerk_rs::models::*;
use serde_json::json;

type Outcome = Result<(), String>;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let key = env::var("USHER_KEY").expect("USHER_KEY");
    let usher =
        Configuration::new(key).with_base_path(env::var("USHER_URL").expect("USHER_URL") + "/v1");
    tell("organizations", of_organizations(&usher).await);
    tell("invitations", of_invitations(&usher).await);
    tell("memberships", of_memberships(&usher).await);
    tell("refusals", of_refusals(&usher).await);
}

fn tell(name: &str, outcome: Outcome) {
    println!(
        "{}",
        json!({ "name": name, "error": outcome.err().unwrap_or_default() })
    );
}

fn equal<T: Debug + PartialEq>(got: T, want: T) -> Outcome {
    if got == want {
        Ok(())
    } else {
        Err(format!("got {got:?}, want {want:?}"))
    }
}

fn wrong(error: impl Debug) -> String {
    format!("{error:?}")
}

/// The organization that a development server begins with.
async fn acme(usher: &Configuration) -> Result<Organization, String> {
    organizations::get_organization(usher, "acme", Some(true), None)
        .await
        .map_err(wrong)
}

async fn of_organizations(usher: &Configuration) -> Outcome {
    let acme = acme(usher).await?;
    equal(acme.members_count, Some(1))?;
    let page = organizations::list_organizations(
        usher,
        None,
        None,
        Some("acm"),
        None,
        None,
        Some("+name"),
        Some(10),
        None,
    );
    equal(
        page.await
            .map_err(wrong)?
            .data
            .into_iter()
            .map(|o| o.id)
            .collect(),
        vec![acme.id],
    )?;
    let mut making = CreateOrganizationRequest::new("Rust".into());
    making.slug = Some(Some("rust".into()));
    let made = organizations::create_organization(usher, Some(making))
        .await
        .map_err(wrong)?;
    equal(made.slug.as_str(), "rust")?;
    let gone = organizations::delete_organization(usher, &made.id)
        .await
        .map_err(wrong)?;
    equal(gone.deleted, true)
}

async fn of_invitations(usher: &Configuration) -> Outcome {
    let acme = acme(usher).await?;
    let mut making =
        CreateOrganizationInvitationRequest::new("grace@rust.example".into(), "org:member".into());
    making.inviter_user_id = Some(acme.created_by.clone());
    making.public_metadata = Some(Some(HashMap::from([("team".into(), json!("red"))])));
    making.expires_in_days = Some(Some(3));
    let made = invitations::create_organization_invitation(usher, &acme.id, Some(making))
        .await
        .map_err(wrong)?;
    equal(made.status.as_deref(), Some("pending"))?;
    equal(
        made.expires_at,
        Some(made.created_at + 3 * 24 * 3600 * 1000),
    )?;
    let got = invitations::get_organization_invitation(usher, &acme.id, &made.id)
        .await
        .map_err(wrong)?;
    equal(&got, &made)?;
    let many = ["x", "y"].map(|name| {
        CreateOrganizationInvitationRequest::new(
            format!("{name}@rust.example"),
            "org:member".into(),
        )
    });
    let many = invitations::create_organization_invitation_bulk(usher, &acme.id, many.into())
        .await
        .map_err(wrong)?;
    equal(many.total_count, 2)?;
    let pending =
        invitations::list_pending_organization_invitations(usher, &acme.id, Some(2), Some(1))
            .await
            .map_err(wrong)?;
    equal(
        pending.data.iter().map(|i| &i.id).collect(),
        vec![&many.data[0].id, &made.id],
    )?;
    let revoking = RevokeOrganizationInvitationRequest {
        requesting_user_id: Some(acme.created_by),
    };
    let revoked =
        invitations::revoke_organization_invitation(usher, &acme.id, &made.id, Some(revoking))
            .await
            .map_err(wrong)?;
    equal(revoked.status.as_deref(), Some("revoked"))?;
    invitations::revoke_organization_invitation(usher, &acme.id, &many.data[0].id, None)
        .await
        .map_err(wrong)?;
    let page = invitations::list_organization_invitations(
        usher,
        &acme.id,
        Some("revoked"),
        None,
        Some("+created_at"),
        None,
        None,
    );
    equal(
        page.await
            .map_err(wrong)?
            .data
            .into_iter()
            .map(|i| i.id)
            .collect(),
        vec![made.id, many.data[0].id.clone()],
    )
}

async fn of_memberships(usher: &Configuration) -> Outcome {
    let acme = acme(usher).await?;
    let mut making = CreateUserRequest::new();
    making.email_address = Some(vec!["bob@rust.example".into()]);
    let bob = users::create_user(usher, making).await.map_err(wrong)?;
    equal(&users::get_user(usher, &bob.id).await.map_err(wrong)?, &bob)?;
    let joining = CreateOrganizationMembershipRequest::new(bob.id.clone(), "org:member".into());
    let joined = memberships::create_organization_membership(usher, &acme.id, joining)
        .await
        .map_err(wrong)?;
    equal(
        joined
            .public_user_data
            .and_then(|data| data.identifier)
            .flatten()
            .as_deref(),
        Some("bob@rust.example"),
    )?;
    let left = memberships::delete_organization_membership(usher, &acme.id, &bob.id)
        .await
        .map_err(wrong)?;
    equal(left.id, joined.id)
}

async fn of_refusals(usher: &Configuration) -> Outcome {
    let making = CreateOrganizationInvitationRequest::new("grace".into(), "org:member".into());
    match invitations::create_organization_invitation(usher, &acme(usher).await?.id, Some(making))
        .await
    {
        Err(Error::ResponseError(refusal)) => {
            equal(refusal.status.as_u16(), 422)?;
            equal(
                refusal.entity.is_some() && refusal.content.contains("form_param_format_invalid"),
                true,
            )
        }
        other => Err(format!("got {other:?}, want a refusal")),
    }
}

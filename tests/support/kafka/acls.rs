//! Who may do what.

use kafka_protocol::messages::CreateAclsRequest;
use kafka_protocol::messages::create_acls_request::AclCreation;
use kafka_protocol::protocol::StrBytes;

use super::Cluster;

/// What a rule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource<'a> {
    Topic(&'a str),
    AnyTopic,
    Cluster,
}

/// The numbers of Kafka's `AclOperation`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    Write = 4,
    Describe = 8,
    IdempotentWrite = 12,
}

impl Cluster {
    /// `principal` (`User:alice`) may do that; those of whom no rule tells may not any more.
    #[track_caller]
    pub fn allow(&self, principal: &str, resource: Resource<'_>, operation: Operation) {
        self.add_rule(principal, resource, operation, ALLOW);
    }

    /// It may not, whatever other rules say.
    #[track_caller]
    pub fn deny(&self, principal: &str, resource: Resource<'_>, operation: Operation) {
        self.add_rule(principal, resource, operation, DENY);
    }

    #[track_caller]
    fn add_rule(&self, principal: &str, resource: Resource<'_>, operation: Operation, permission: i8) {
        let (kind, name) = match resource {
            Resource::Topic(name) => (TOPIC, name),
            Resource::AnyTopic => (TOPIC, "*"),
            Resource::Cluster => (CLUSTER, "kafka-cluster"),
        };
        let rule = AclCreation::default()
            .with_resource_type(kind)
            .with_resource_name(text(name))
            .with_resource_pattern_type(LITERAL)
            .with_principal(text(principal))
            .with_host(text("*"))
            .with_operation(operation as i8)
            .with_permission_type(permission);
        let request = CreateAclsRequest::default().with_creations(vec![rule]);
        let response = self.connect(1).call(2, &request).expect("the broker answers");
        let refused = response.results.iter().find(|result| result.error_code != 0);
        assert!(refused.is_none(), "{principal} {resource:?} {operation:?}: {refused:?}");
    }
}

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

const TOPIC: i8 = 2;
const CLUSTER: i8 = 4;
const LITERAL: i8 = 3;
const DENY: i8 = 2;
const ALLOW: i8 = 3;

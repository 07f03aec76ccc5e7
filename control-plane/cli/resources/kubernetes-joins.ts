import { CREATED_BY, LABELS, NODE_LABELS } from './options.js';
import type { Resource, Value } from './resource.js';

const PATH = '/v1/clusters/:clusterId/kubernetes-join';
const CLUSTER: Value = { value: 'CLUSTER', key: 'clusterId', of: 'cluster' };

export const KUBERNETES_JOINS: Resource = {
  name: 'kubernetes-join',
  naming: undefined,
  columns: [
    { title: 'CLUSTER', field: 'clusterId', of: 'cluster' },
    { title: 'ISSUER', field: 'issuer' },
    { title: 'NAMESPACE', field: 'namespace' },
    { title: 'SERVICE ACCOUNT', field: 'serviceAccount' },
    { title: 'AUDIENCE', field: 'audience' },
    { ...LABELS, wide: true },
    CREATED_BY,
  ],
  actions: [
    {
      name: 'show',
      about: "show with which service account's tokens agents join a cluster",
      method: 'GET',
      path: PATH,
      operand: CLUSTER,
    },
    {
      name: 'set',
      about: 'let agents join with tokens of a service account',
      method: 'PUT',
      path: PATH,
      operand: CLUSTER,
      options: [
        {
          option: 'issuer',
          value: 'URL',
          key: 'issuer',
          required: true,
          about: 'of "kubectl get --raw /.well-known/openid-configuration"',
        },
        {
          option: 'jwks',
          value: 'FILE',
          key: 'jwks',
          as: 'document',
          required: true,
          about: 'what "kubectl get --raw /openid/v1/jwks" prints',
        },
        {
          option: 'namespace',
          value: 'NAME',
          key: 'namespace',
          required: true,
          about: 'of the agents',
        },
        {
          option: 'service-account',
          value: 'NAME',
          key: 'serviceAccount',
          required: true,
          about: 'that the agents run as',
        },
        {
          option: 'audience',
          value: 'TEXT',
          key: 'audience',
          about: 'that the tokens are for (default bulkhead)',
        },
        NODE_LABELS,
      ],
    },
    {
      name: 'delete',
      about: 'take no service account tokens any more; nodes stay',
      method: 'DELETE',
      path: PATH,
      operand: CLUSTER,
      confirm: 'Take no service account tokens any more of cluster',
    },
  ],
};

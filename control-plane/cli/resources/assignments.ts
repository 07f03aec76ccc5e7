import {
  CREATED,
  CREATED_BY,
  NAME,
  NAME_PREFIX,
  NEW_NAME,
  OF_CLUSTER,
  OF_POLICY,
  SORT,
  WIDE_ID,
} from './options.js';
import type { Option, Resource, Value } from './resource.js';

const ASSIGNMENT: Value = { value: 'ASSIGNMENT', key: 'assignmentId', of: 'assignment' };
const VERSION: Option = {
  option: 'policy-version',
  value: 'NUMBER',
  key: 'version',
  as: 'integer',
  about: 'of the policy',
};
const CLUSTERS: Option = {
  option: 'clusters',
  value: 'SELECTOR',
  key: 'clusters',
  about: 'those with these labels: env=prod,team in (a,b)',
  mayBeEmpty: true,
};
const MODE: Option = {
  option: 'mode',
  value: 'MODE',
  key: 'mode',
  words: ['observe', 'enforce'],
  about: 'observe, or enforce',
};
const PRIORITY: Option = {
  option: 'priority',
  value: 'NUMBER',
  key: 'priority',
  as: 'integer',
  about: 'the highest has its way, then the newest: --priority=-1',
};

export const ASSIGNMENTS: Resource = {
  name: 'assignment',
  naming: { list: '/v1/assignments', field: 'name', prefix: 'namePrefix', unique: true },
  columns: [
    NAME,
    { title: 'POLICY', field: 'policyId', of: 'policy' },
    { title: 'VERSION', field: 'version' },
    { title: 'MODE', field: 'mode' },
    { title: 'CLUSTERS', field: 'clusters' },
    { title: 'CHOSEN', field: 'matchedClusters' },
    { title: 'PRIORITY', field: 'priority' },
    { ...CREATED, wide: true },
    CREATED_BY,
    WIDE_ID,
  ],
  actions: [
    {
      name: 'list',
      about: 'list assignments',
      method: 'GET',
      path: '/v1/assignments',
      isList: true,
      options: [
        OF_POLICY,
        { ...OF_CLUSTER, about: 'those that choose this cluster, by name or id' },
        NAME_PREFIX,
        SORT,
      ],
    },
    {
      name: 'get',
      about: 'show an assignment',
      method: 'GET',
      path: '/v1/assignments/:assignmentId',
      operand: ASSIGNMENT,
    },
    {
      name: 'create',
      about: 'assign a version of a policy to clusters',
      method: 'POST',
      mayBeFrozen: true,
      path: '/v1/assignments',
      operand: NEW_NAME,
      options: [
        { ...OF_POLICY, about: 'what they are to run, by name or id', required: true },
        {
          ...CLUSTERS,
          about: 'those with these labels: env=prod,tier!=db; --clusters= is every one',
          required: true,
        },
        { ...VERSION, about: 'of the policy (default: the latest), and stays' },
        { ...MODE, about: 'observe (default), or enforce' },
        { ...PRIORITY, about: `${PRIORITY.about} (default 0)` },
      ],
    },
    {
      name: 'edit',
      about: 'change an assignment; its policy stays',
      method: 'PATCH',
      mayBeFrozen: true,
      path: '/v1/assignments/:assignmentId',
      ifMatch: true,
      operand: ASSIGNMENT,
      options: [
        { option: 'name', value: 'NAME', key: 'name', about: 'its new name' },
        VERSION,
        CLUSTERS,
        MODE,
        PRIORITY,
      ],
    },
    {
      name: 'delete',
      about: 'take an assignment back',
      method: 'DELETE',
      mayBeFrozen: true,
      path: '/v1/assignments/:assignmentId',
      operand: ASSIGNMENT,
      confirm: 'Delete assignment',
    },
  ],
};

import type { estypes } from '@elastic/elasticsearch';

/** Where events and alerts go: one data stream of each kind for each tenant. */
export const DATASETS = {
  events: { dataset: 'bulkhead.events', template: 'bulkhead-events' },
  alerts: { dataset: 'bulkhead.alerts', template: 'bulkhead-alerts' },
} as const;

export type DatasetName = keyof typeof DATASETS;

/**
 * Raised with every change of what is below. A template of a higher version, put there by a newer
 * control plane that runs beside this one, is left as it is.
 */
export const TEMPLATE_VERSION = 2;
/** Above Elastic's own `logs-*-*` (100) and those of integrations (200). */
const PRIORITY = 250;
const META = { managed_by: 'bulkhead', description: 'written at start; put changes in @custom' };

const MAPPINGS_COMPONENT = 'bulkhead@mappings';
const SETTINGS_COMPONENT = 'bulkhead@settings';

type Property = estypes.MappingProperty;
/** ECS's own length; longer values stay in the document and are not searchable. */
const keyword: Property = { type: 'keyword', ignore_above: 1024 };
const long: Property = { type: 'long' };
const date: Property = { type: 'date' };
/** From a node, 64 bits unsigned: what does not fit is kept unsearchable, the event stays. */
const counter: Property = { type: 'long', ignore_malformed: true };
const boolean: Property = { type: 'boolean' };

const keywords = (...names: string[]) => Object.fromEntries(names.map((name) => [name, keyword]));

/** Every field that is searchable, by its ECS name; Elasticsearch takes dotted names as paths. */
export const FIELDS: Readonly<Record<string, Property>> = {
  '@timestamp': date,
  message: { type: 'text' },
  ...keywords('ecs.version', 'data_stream.type', 'data_stream.dataset', 'data_stream.namespace'),
  ...keywords('event.id', 'event.kind', 'event.category', 'event.type', 'event.action'),
  ...keywords('event.outcome', 'event.module', 'event.dataset'),
  'event.created': date,
  'event.start': date,
  'event.end': date,
  'event.severity': long,
  ...keywords('process.entity_id', 'process.name', 'process.executable', 'process.args'),
  ...keywords('process.user.id', 'process.group.id', 'process.hash.sha256'),
  ...keywords('process.real_user.id', 'process.real_group.id', 'process.working_directory'),
  ...keywords('process.thread.capabilities.effective', 'process.thread.capabilities.permitted'),
  'process.tty.char_device.major': long,
  'process.tty.char_device.minor': long,
  'process.pid': long,
  'process.args_count': long,
  'process.exit_code': long,
  'process.interactive': boolean,
  'process.start': date,
  'process.end': date,
  'process.uptime': long,
  ...keywords('process.parent.entity_id', 'process.parent.name', 'process.parent.executable'),
  'process.parent.pid': long,
  ...keywords('process.session_leader.entity_id', 'process.session_leader.executable'),
  'process.session_leader.pid': long,
  ...keywords('file.path', 'file.name', 'file.directory', 'file.extension', 'file.type'),
  ...keywords('file.inode', 'file.mode', 'dll.path', 'dll.name'),
  ...keywords('user.id', 'user.name', 'group.id', 'group.name'),
  ...keywords('container.id', 'container.name', 'container.runtime'),
  ...keywords('container.image.name', 'container.image.tag', 'container.image.hash.all'),
  ...keywords('orchestrator.type', 'orchestrator.cluster.id', 'orchestrator.cluster.name'),
  ...keywords('orchestrator.namespace', 'orchestrator.resource.id'),
  ...keywords('orchestrator.resource.name', 'orchestrator.resource.type'),
  ...keywords('host.id', 'host.name', 'organization.id'),
  ...keywords('rule.id', 'rule.name', 'rule.version', 'rule.category'),
  ...keywords('bulkhead.verdict', 'bulkhead.actions', 'bulkhead.executable_origin'),
  ...keywords('bulkhead.operations', 'bulkhead.file.other_path', 'bulkhead.file.origin'),
  ...keywords('bulkhead.file.volume', 'bulkhead.file.open_flags', 'bulkhead.file.new_mode'),
  ...keywords('bulkhead.executable.inode', 'bulkhead.executable.mode'),
  'bulkhead.executable.setuid': boolean,
  'bulkhead.executable.setgid': boolean,
  'bulkhead.executable.unlinked': boolean,
  'bulkhead.session.leader_changed': boolean,
  'bulkhead.session.terminal_changed': boolean,
  ...keywords('bulkhead.undecided', 'bulkhead.boot_id', 'bulkhead.policy.id'),
  ...keywords('bulkhead.policy.name', 'bulkhead.responses.policy.id'),
  ...keywords('bulkhead.responses.policy.name', 'bulkhead.responses.section'),
  ...keywords('bulkhead.responses.selectors', 'bulkhead.responses.actions'),
  'bulkhead.policy.version': long,
  'bulkhead.policy.response': long,
  'bulkhead.responses.policy.version': long,
  'bulkhead.responses.response': long,
  'bulkhead.batch_sequence': counter,
  'bulkhead.cgroup_id': counter,
  'bulkhead.cpu': long,
  'bulkhead.cpu_sequence': counter,
  'bulkhead.suppressed': counter,
  'bulkhead.reported_unix_ns': counter,
  ...keywords('bulkhead.alert.id', 'bulkhead.alert.status', 'bulkhead.alert.severity'),
  ...keywords('bulkhead.alert.source', 'bulkhead.alert.title', 'bulkhead.alert.group_key'),
  ...keywords('bulkhead.alert.first_event_id', 'bulkhead.alert.last_event_id'),
  'bulkhead.alert.change': counter,
  'bulkhead.alert.event_count': long,
  'bulkhead.alert.first_seen': date,
  'bulkhead.alert.last_seen': date,
};

export interface Retention {
  readonly eventRetentionMs: number;
  readonly alertRetentionMs: number;
}

/** The requests that install everything, components first. */
export function componentTemplates(): estypes.ClusterPutComponentTemplateRequest[] {
  const common = { version: TEMPLATE_VERSION, _meta: META };
  return [
    {
      name: MAPPINGS_COMPONENT,
      ...common,
      template: { mappings: { dynamic: false, properties: { ...FIELDS } } },
    },
    {
      name: SETTINGS_COMPONENT,
      ...common,
      template: { settings: { index: { codec: 'best_compression' } } },
    },
  ];
}

export function indexTemplate(
  name: DatasetName,
  retention: Retention,
): estypes.IndicesPutIndexTemplateRequest {
  const { dataset, template } = DATASETS[name];
  const keptMs = name === 'events' ? retention.eventRetentionMs : retention.alertRetentionMs;
  const custom = `${template}@custom`;
  return {
    name: template,
    version: TEMPLATE_VERSION,
    _meta: META,
    index_patterns: [`logs-${dataset}-*`],
    data_stream: {},
    priority: PRIORITY,
    composed_of: [SETTINGS_COMPONENT, MAPPINGS_COMPONENT, custom],
    ignore_missing_component_templates: [custom],
    template: { lifecycle: { data_retention: `${Math.ceil(keptMs / 1000)}s` } },
  };
}

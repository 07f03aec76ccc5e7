/**
 * What the command line knows of the API: a table of resources. Commands, their help, names in the
 * place of ids, tables and completion all follow from it; a new resource is a new entry.
 */
export interface Resource {
  /** The group of its commands, and its name in messages: `join-token`. */
  readonly name: ResourceName;
  /** What tells one from another in words; ids do always. */
  readonly naming: Naming;
  readonly columns: readonly Column[];
  readonly actions: readonly Action[];
}

export type ResourceName =
  | 'tenant'
  | 'cluster'
  | 'join-token'
  | 'kubernetes-join'
  | 'node'
  | 'policy'
  | 'assignment'
  | 'event'
  | 'alert'
  | 'webhook'
  | 'api-key'
  | 'member'
  | 'session'
  | 'identity-provider'
  | 'platform-tenant'
  | 'settings'
  | 'audit';

/** How a name becomes an id: the list to look in; undefined: only by id. */
export type Naming =
  | {
      readonly list: string;
      readonly field: 'name' | 'email';
      /** The filter of the list by how that begins; undefined: it has none. */
      readonly prefix: 'namePrefix' | 'emailPrefix' | undefined;
      /** In the tenant; otherwise the id names it in outputs. */
      readonly unique: boolean;
    }
  | undefined;

export interface Column {
  readonly title: string;
  /** Where it stands in the JSON: `caller.role`. */
  readonly field: string;
  readonly as?: 'time' | 'labels' | 'hooks' | 'names';
  /** An id of this resource, shown by its name. */
  readonly of?: ResourceName;
  /** Only with -o wide. */
  readonly wide?: true;
}

export interface Action {
  readonly name: string;
  /** One line for the list of commands. */
  readonly about: string;
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** The route, as the API's table has it. */
  readonly path: string;
  /** GET: pages of many. */
  readonly isList?: true;
  /** GET: many, all in one answer. */
  readonly isWhole?: true;
  /** PATCH: reads it first, and is refused where it changes in between. */
  readonly ifMatch?: true;
  /** May be held up by a freeze window, which an owner or admin may override. */
  readonly mayBeFrozen?: true;
  /** What the command acts on or makes: its argument without an option. */
  readonly operand?: Value;
  readonly options?: readonly Option[];
  /** A part of the body that is always the same. */
  readonly body?: Readonly<Record<string, string>>;
  /** Asked on a terminal before: `Revoke node`. */
  readonly confirm?: string;
  /** Where the answer's shape is another than the resource's. */
  readonly columns?: readonly Column[];
  /** Fields of the answer that are shown once, on lines of their own. */
  readonly secrets?: readonly string[];
  /** What follows from an answer with secrets, in lines. */
  readonly after?: (answer: Readonly<Record<string, unknown>>, server: string) => string[];
}

export interface Value {
  /** In the help: `CLUSTER`. */
  readonly value: string;
  /** Of the path, the query (GET, DELETE) or the body: `retention.eventDays` of an object in it. */
  readonly key: string;
  readonly about?: string;
  /** Its name or id. */
  readonly of?: ResourceName;
  readonly as?:
    | 'integer'
    | 'boolean'
    | 'minutes'
    | 'labels'
    /** Words with commas between them. */
    | 'list'
    | 'past'
    | 'future'
    /** A file of YAML or JSON. */
    | 'document'
    /** A file whose text is for no list of processes and no history of a shell. */
    | 'secret';
  readonly words?: readonly string[];
}

export interface Option extends Value {
  readonly option: string;
  readonly about: string;
  readonly required?: true;
  /** `--option=` is the empty text. */
  readonly mayBeEmpty?: true;
}

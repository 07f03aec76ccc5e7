import { Type } from 'typebox';
import {
  checkFreezeWindows,
  FREEZE_WINDOWS_MAX,
  WEEK_MINUTES,
  WEEKDAYS,
} from '../domain/freeze-windows.js';
import { RETENTION_LIMITS, type Retention } from '../domain/settings.js';
import { getSettings, updateSettings } from '../store/settings.js';
import { audit } from './audit.js';
import { callerOf, inTenant, readTenant } from './caller.js';
import { checkIfMatch, IfMatchHeaders, setEtag } from './if-match.js';
import { closed, Instant, Name, oneOf, SelectorText, toJson } from './schemas.js';
import type { Api, HttpDependencies } from './server.js';

const days = (name: keyof Retention, description: string) => {
  const { standard, min, max } = RETENTION_LIMITS[name];
  return Type.Integer({
    minimum: min,
    maximum: max,
    description: `${description} Default ${standard}.`,
  });
};
const RETENTION = {
  eventDays: days('eventDays', 'Events in the database; Elasticsearch keeps its own.'),
  closedAlertDays: days('closedAlertDays', 'Closed alerts, from when they were last seen.'),
  deliveryDays: days('deliveryDays', 'Deliveries that were made or given up.'),
};
const FreezeWindow = Type.Object(
  {
    name: Name,
    clusters: Type.Optional(SelectorText),
    once: Type.Optional(closed({ from: Instant, until: Instant })),
    weekly: Type.Optional(
      closed({
        days: Type.Array(oneOf(WEEKDAYS), { minItems: 1, maxItems: 7, uniqueItems: true }),
        start: Type.String({ pattern: '^([01][0-9]|2[0-3]):[0-5][0-9]$', description: 'HH:MM' }),
        minutes: Type.Integer({ minimum: 1, maximum: WEEK_MINUTES }),
        timeZone: Type.Optional(
          Type.String({ maxLength: 64, description: 'Europe/Berlin; default UTC.' }),
        ),
      }),
    ),
  },
  {
    title: 'FreezeWindow',
    additionalProperties: false,
    description: 'Either `once` or `weekly`: a time in which what clusters run is not changed.',
  },
);
const Settings = Type.Object(
  {
    retention: Type.Object(RETENTION),
    freezeWindows: Type.Array(FreezeWindow),
    revision: Type.Integer({ description: 'Rises with every edit; 0: nothing was ever set.' }),
  },
  { title: 'Settings' },
);
const SettingsChange = closed({
  retention: Type.Optional(Type.Partial(closed(RETENTION), { additionalProperties: false })),
  freezeWindows: Type.Optional(
    Type.Array(FreezeWindow, {
      maxItems: FREEZE_WINDOWS_MAX,
      description: 'All of them: what is not among these goes.',
    }),
  ),
});

export function settingRoutes(api: Api, { database }: HttpDependencies): void {
  const tags = ['tenant'];

  api.get(
    '/v1/settings',
    {
      schema: {
        operationId: 'getSettings',
        summary: 'How long things are kept, and when clusters are not changed',
        tags,
        response: { 200: Settings },
      },
    },
    async (request, reply) => {
      const settings = await readTenant(database, request, getSettings);
      setEtag(reply, settings);
      return toJson(settings);
    },
  );

  api.patch(
    '/v1/settings',
    {
      schema: {
        operationId: 'updateSettings',
        summary: 'Changes settings: what is left out stays',
        tags,
        headers: IfMatchHeaders,
        body: SettingsChange,
        response: { 200: Settings },
      },
    },
    async (request, reply) => {
      checkFreezeWindows(request.body.freezeWindows ?? []);
      const settings = await inTenant(database, request, async (tx) => {
        let before: unknown;
        const after = await updateSettings(tx, request.body, (current) => {
          checkIfMatch(request, current);
          before = toJson(current);
        });
        const { tenantId } = callerOf(request);
        await audit(tx, request, 'settings.update', tenantId, { before, after: toJson(after) });
        return after;
      });
      setEtag(reply, settings);
      return toJson(settings);
    },
  );
}

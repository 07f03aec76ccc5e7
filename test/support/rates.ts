import { RATES, type Rates } from '../../control-plane/domain/rates.js';

/** What no test comes near to. */
export const UNLIMITED: Rates = {
  caller: RATES.caller.max,
  tenant: RATES.tenant.max,
  failures: RATES.failures.max,
  logins: RATES.logins.max,
  tenantJoins: RATES.tenantJoins.max,
  addressJoins: RATES.addressJoins.max,
  eventBytes: RATES.eventBytes.max,
  eventBatches: RATES.eventBatches.max,
};

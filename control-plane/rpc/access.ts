/**
 * Who may call what: the only list. A method that is not in it is refused, and a test holds it
 * against the service's definition.
 */
export const RPC_ACCESS: Readonly<Record<string, 'anyone' | 'node'>> = {
  // Carries its own proof: a token, or a certificate that ran out.
  '/bulkhead.v1.AgentService/Join': 'anyone',
  '/bulkhead.v1.AgentService/Renew': 'node',
  '/bulkhead.v1.AgentService/Policies': 'node',
  '/bulkhead.v1.AgentService/Events': 'node',
};

import { lookup as systemLookup } from 'node:dns';
import { BlockList, isIP, type LookupFunction, type Socket } from 'node:net';
import { buildConnector } from 'undici';

/**
 * Keeps a tenant's URL from reaching what only this server can reach: loopback, private, link-local
 * and other special addresses (RFC 6890). Checked on a literal in the URL, on every resolved address,
 * and on the connected peer: undici asks `lookup` for names only, and `0x7f.1` is a literal too.
 */
export interface AddressGuard {
  /** Throws where the URL's host is a literal that may not be reached. */
  checkUrl(url: URL): void;
  readonly connector: buildConnector.connector;
}

const FORBIDDEN: readonly [string, number, 'ipv4' | 'ipv6'][] = [
  ['0.0.0.0', 8, 'ipv4'],
  ['10.0.0.0', 8, 'ipv4'],
  ['100.64.0.0', 10, 'ipv4'],
  ['127.0.0.0', 8, 'ipv4'],
  ['169.254.0.0', 16, 'ipv4'],
  ['172.16.0.0', 12, 'ipv4'],
  ['192.0.0.0', 24, 'ipv4'],
  ['192.168.0.0', 16, 'ipv4'],
  ['198.18.0.0', 15, 'ipv4'],
  ['224.0.0.0', 4, 'ipv4'],
  ['240.0.0.0', 4, 'ipv4'],
  ['::', 128, 'ipv6'],
  ['::1', 128, 'ipv6'],
  ['64:ff9b::', 96, 'ipv6'],
  ['fc00::', 7, 'ipv6'],
  ['fe80::', 10, 'ipv6'],
  ['ff00::', 8, 'ipv6'],
];

export class ForbiddenAddressError extends Error {
  constructor(address: string) {
    super(`the address ${address} is not a public one`);
    this.name = 'ForbiddenAddressError';
  }
}

export function createAddressGuard(options: {
  /** Lets everything through: for a control plane whose receivers are on its own network. */
  readonly allowPrivate: boolean;
  readonly connectTimeoutMs: number;
}): AddressGuard {
  const forbidden = new BlockList();
  for (const [address, bits, family] of FORBIDDEN) forbidden.addSubnet(address, bits, family);

  const check = (address: string) => {
    if (options.allowPrivate) return;
    // A mapped IPv4 address is looked up in the IPv4 list by BlockList itself.
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    if (isIP(address) === 0 || forbidden.check(address, family)) {
      throw new ForbiddenAddressError(address);
    }
  };

  const lookup: LookupFunction = (hostname, lookupOptions, callback) => {
    systemLookup(hostname, { ...lookupOptions, all: true }, (error, addresses) => {
      if (error) return callback(error, '');
      try {
        for (const { address } of addresses) check(address);
      } catch (forbiddenAddress) {
        return callback(forbiddenAddress as Error, '');
      }
      if (lookupOptions.all) return callback(null, addresses);
      const [first] = addresses;
      return callback(null, first?.address ?? '', first?.family);
    });
  };

  const connect = buildConnector({ lookup, timeout: options.connectTimeoutMs });
  return {
    checkUrl(url) {
      const host = url.hostname.replace(/^\[|\]$/g, '');
      if (isIP(host) !== 0) check(host);
    },
    connector(connectOptions, callback) {
      connect(connectOptions, (error, socket) => {
        if (error) return callback(error, null);
        const refusal = refusalOfPeer(socket, check);
        if (!refusal) return callback(null, socket);
        socket.destroy();
        return callback(refusal, null);
      });
    },
  };
}

function refusalOfPeer(socket: Socket, check: (address: string) => void): Error | undefined {
  try {
    check(socket.remoteAddress ?? '');
    return undefined;
  } catch (error) {
    return error as Error;
  }
}

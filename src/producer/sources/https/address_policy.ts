/** Which addresses a source on the web may lead to, checked on the address a connection really goes to. */

import dns from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';

/**
 * `public`: nothing of the machine or network this runs in (the default). `any`: those too. `private`: only those,
 * for plain http, which nobody's secrets or prices ought to cross the internet by.
 */
export type AddressPolicy = 'public' | 'any' | 'private';

/** `code` of the error for an address the policy refuses. */
export const REFUSED_ADDRESS = 'BACKHAUL_REFUSED_ADDRESS';

/** IANA's special-purpose registries: this host, private use, link-local, shared, documentation, multicast, reserved. */
const NOT_PUBLIC = new BlockList();
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
] as const) {
  NOT_PUBLIC.addSubnet(network, prefix, 'ipv4');
}
for (const [network, prefix] of [
  ['::', 96], // unspecified, loopback, IPv4-compatible
  ['64:ff9b:1::', 48],
  ['100::', 64],
  ['2001:db8::', 32],
  ['fc00::', 7],
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8],
] as const) {
  NOT_PUBLIC.addSubnet(network, prefix, 'ipv6');
}

/** Prefixes of IPv6 whose last (6to4: second and third) groups are an IPv4 address. */
const NAT64 = new BlockList();
NAT64.addSubnet('64:ff9b::', 96, 'ipv6');
const SIX_TO_FOUR = new BlockList();
SIX_TO_FOUR.addSubnet('2002::', 16, 'ipv6');

/** Whether an IP address belongs to the internet. BlockList itself looks through IPv4-mapped addresses. */
export function isPublicAddress(address: string): boolean {
  const family = isIP(address);
  if (family === 4) return !NOT_PUBLIC.check(address, 'ipv4');
  if (family !== 6 || NOT_PUBLIC.check(address, 'ipv6')) return false;
  const inner = NAT64.check(address, 'ipv6')
    ? groups(address).slice(6)
    : SIX_TO_FOUR.check(address, 'ipv6')
      ? groups(address).slice(1, 3)
      : null;
  if (inner === null) return true;
  const [high = 0, low = 0] = inner;
  return isPublicAddress([high >> 8, high & 255, low >> 8, low & 255].join('.'));
}

/** The eight groups of an IPv6 address, as the URL parser spells it out. */
function groups(address: string): number[] {
  const canonical = new URL(`http://[${address.split('%')[0]}]`).hostname.slice(1, -1);
  const [left = '', right] = canonical.split('::');
  const parse = (text: string) =>
    text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
  const head = parse(left);
  if (right === undefined) return head;
  const tail = parse(right);
  return [...head, ...new Array<number>(8 - head.length - tail.length).fill(0), ...tail];
}

/** Whether the policy lets a connection go to this address. */
export function isAllowed(address: string, policy: AddressPolicy): boolean {
  return policy === 'any' || isPublicAddress(address) === (policy === 'public');
}

/**
 * `dns.lookup` for a socket, which fails with `REFUSED_ADDRESS` when any of a name's addresses is refused. The
 * addresses checked are those connected to: a name cannot change its mind in between.
 */
export function lookupBy(policy: AddressPolicy): LookupFunction {
  return (hostname, options, callback) => {
    dns.lookup(hostname, { ...options, all: true }, (error, addresses) => {
      if (error !== null) return callback(error, '', 0);
      const refused = addresses.find(({ address }) => !isAllowed(address, policy));
      const first = addresses[0];
      if (refused !== undefined || first === undefined) {
        const reason = Object.assign(new Error('address refused'), { code: REFUSED_ADDRESS });
        return callback(reason, '', 0);
      }
      if (options.all) callback(null, addresses);
      else callback(null, first.address, first.family);
    });
  };
}

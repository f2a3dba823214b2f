import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** What a home's router does. */
export interface HomeKind {
  /** `cone`: a local port keeps one outer port; `symmetric`: it has another one for each destination */
  nat: 'cone' | 'symmetric'
  /** what becomes of a packet that nobody inside has asked for: it is dropped, or answered by RST */
  refuses?: 'drop' | 'reset'
  /** a TCP port that the router passes on to the first machine */
  forwards?: number
  /** the router passes on what its machines ask for by UPnP (miniupnpd) */
  upnp?: boolean
}

export interface NetworkKind {
  a: HomeKind
  b: HomeKind
  /** every machine has a public IPv6 address as well, behind a firewall that lets nothing new in */
  ipv6?: boolean
}

/**
 * The relay's and a bystander's addresses, outside; those of the homes' routers. Of a network that nobody has, but not of one for
 * examples: to those routers and clients of UPnP give no port.
 */
export const OUTSIDE = {
  relay: '192.0.1.10',
  public: '192.0.1.20',
  a: '192.0.1.101',
  b: '192.0.1.102',
} as const
export const OUTSIDE_V6 = '2001:db8::10'
/** Machines: `a1` and `a2` in one home, `b1` and `b2` in the other. */
export type Machine = 'relay' | 'public' | 'a1' | 'a2' | 'b1' | 'b2'
const SPACES = ['net', 'relay', 'public', 'nata', 'natb', 'a1', 'a2', 'b1', 'b2'] as const

/** Names of the namespaces of a lab. */
export const spacesOf = (lab: string): string[] => SPACES.map(space => `${lab}-${space}`)

/** The commands that build a network, for a shell that ends at the first that fails. */
export function script(lab: string, { a, b, ipv6 = false }: NetworkKind): string {
  const lines: string[] = []
  const inside = (space: string, command: string) => lines.push(`ip netns exec ${lab}-${space} ${command}`)
  for (const space of spacesOf(lab)) {
    lines.push(`ip netns add ${space}`, `ip -n ${space} link set lo up`)
  }
  lines.push(`ip -n ${lab}-net link add br0 type bridge`, `ip -n ${lab}-net link set br0 up`)
  const outside = { relay: OUTSIDE.relay, public: OUTSIDE.public, nata: OUTSIDE.a, natb: OUTSIDE.b }
  for (const [space, ip] of Object.entries(outside)) {
    lines.push(
      `ip -n ${lab}-net link add p-${space} type veth peer name out netns ${lab}-${space}`,
      `ip -n ${lab}-net link set p-${space} master br0 up`,
      `ip -n ${lab}-${space} addr add ${ip}/24 dev out`,
      `ip -n ${lab}-${space} link set out up`,
    )
    if (ipv6) lines.push(`ip -n ${lab}-${space} -6 addr add 2001:db8::${ip.split('.')[3]}/64 dev out nodad`)
  }
  for (const [home, kind, number] of [
    ['a', a, 1],
    ['b', b, 2],
  ] as const) {
    lines.push(...homeLines(lab, home, number, ipv6))
    inside(`nat${home}`, 'sysctl -qw net.ipv4.ip_forward=1')
    lines.push(`ip netns exec ${lab}-nat${home} nft -f - <<'RULES'`, rules(kind, number), 'RULES')
    if (kind.upnp) lines.push(...upnpLines(lab, home, number))
    if (!ipv6) continue
    inside(`nat${home}`, 'sysctl -qw net.ipv6.conf.all.forwarding=1')
    lines.push(`ip netns exec ${lab}-nat${home} nft -f - <<'RULES'`, FIREWALL_V6, 'RULES')
    const route = `2001:db8:${number}::/64 via 2001:db8::${OUTSIDE[home].split('.')[3]}`
    for (const space of ['relay', 'public', home === 'a' ? 'natb' : 'nata']) {
      lines.push(`ip -n ${lab}-${space} -6 route add ${route}`)
    }
  }
  return lines.join('\n')
}

/** A home's machines on one bridge behind their router. */
function homeLines(lab: string, home: 'a' | 'b', number: number, ipv6: boolean): string[] {
  const nat = `${lab}-nat${home}`
  const lines = [
    `ip -n ${nat} link add lan type bridge`,
    `ip -n ${nat} addr add 10.${number}.0.1/24 dev lan`,
    `ip -n ${nat} link set lan up`,
  ]
  if (ipv6) lines.push(`ip -n ${nat} -6 addr add 2001:db8:${number}::1/64 dev lan nodad`)
  for (const machine of [1, 2]) {
    const space = `${lab}-${home}${machine}`
    lines.push(
      `ip -n ${nat} link add l${machine} type veth peer name eth netns ${space}`,
      `ip -n ${nat} link set l${machine} master lan up`,
      `ip -n ${space} addr add 10.${number}.0.${machine + 1}/24 dev eth`,
      `ip -n ${space} link set eth up`,
      `ip -n ${space} route add default via 10.${number}.0.1`,
    )
    if (!ipv6) continue
    lines.push(
      `ip -n ${space} -6 addr add 2001:db8:${number}::${machine + 1}/64 dev eth nodad`,
      `ip -n ${space} -6 route add default via 2001:db8:${number}::1`,
    )
  }
  return lines
}

/** miniupnpd in a router, which answers its home. It ends with the namespace's processes. */
function upnpLines(lab: string, home: 'a' | 'b', number: number): string[] {
  const space = `${lab}-nat${home}`
  const config = join(tmpdir(), `${space}.upnp`)
  const run = `ip netns exec ${space} miniupnpd -d -f ${config} -P ${config}.pid`
  return [
    `ip netns exec ${space} nft -f - <<'RULES'`,
    UPNP_RULES,
    'RULES',
    `cat >${config} <<'CONFIG'`,
    upnpConfig(number),
    'CONFIG',
    `( ${run} </dev/null >${config}.log 2>&1 & )`,
  ]
}

const upnpConfig = (number: number): string => `ext_ifname=out
listening_ip=lan
enable_natpmp=no
enable_upnp=yes
secure_mode=yes
system_uptime=no
uuid=00000000-0000-0000-0000-00000000000${number}
upnp_table_name=miniupnpd
upnp_nat_table_name=miniupnpd
upnp_forward_chain=allowed
upnp_nat_chain=passed_on
upnp_nat_postrouting_chain=hidden
allow 1024-65535 10.${number}.0.0/24 1024-65535
deny 0-65535 0.0.0.0/0 0-65535`

/** What miniupnpd writes into. */
const UPNP_RULES = `table inet miniupnpd {
  chain allowed { }
  chain passed_on { }
  chain hidden { }
  chain forward { type filter hook forward priority 0; jump allowed; }
  chain prerouting { type nat hook prerouting priority -100; jump passed_on; }
  chain postrouting { type nat hook postrouting priority 100; jump hidden; }
}`

function rules({ nat, refuses = 'drop', forwards }: HomeKind, number: number): string {
  const refuse = refuses === 'drop' ? 'drop' : 'reject with tcp reset'
  const forward = forwards && `iifname "out" tcp dport ${forwards} dnat to 10.${number}.0.2:${forwards};`
  return `table ip nat {
  chain post { type nat hook postrouting priority 100; oifname "out" masquerade${nat === 'symmetric' ? ' fully-random' : ''}; }
  chain pre { type nat hook prerouting priority -100; ${forward ?? ''} }
}
table ip filter {
  chain in { type filter hook input priority 0; iifname "out" meta l4proto tcp ct state new ${refuse}; }
  chain through { type filter hook forward priority 0; ct status dnat accept; iifname "out" meta l4proto tcp ct state new ${refuse}; }
}`
}

const FIREWALL_V6 = `table ip6 filter {
  chain through { type filter hook forward priority 0; ct state established,related accept; iifname "out" meta l4proto tcp ct state new drop; }
}`

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

/** A home of two machines behind a router. */
export const HOMES = ['a', 'b', 'c', 'd', 'e', 'f'] as const
export type Home = (typeof HOMES)[number]

export interface NetworkKind extends Partial<Record<Home, HomeKind>> {
  a: HomeKind
  b: HomeKind
  /** these homes' machines have public IPv6 addresses as well, behind a firewall that lets nothing new in; `true`: all of them */
  ipv6?: boolean | readonly Home[]
  /** there is another relay */
  secondRelay?: boolean
}

/**
 * Addresses outside: of the relays, of a bystander, and of the homes' routers. Of a network that nobody has, but not of one for
 * examples: to those routers and clients of UPnP give no port.
 */
export const OUTSIDE = {
  relay: '192.0.1.10',
  relay2: '192.0.1.11',
  public: '192.0.1.20',
  a: '192.0.1.101',
  b: '192.0.1.102',
  c: '192.0.1.103',
  d: '192.0.1.104',
  e: '192.0.1.105',
  f: '192.0.1.106',
} as const
export const OUTSIDE_V6 = { relay: '2001:db8::10', relay2: '2001:db8::11' } as const
/** `a1` and `a2` are in one home, and so on. */
export type Machine = 'relay' | 'relay2' | 'public' | `${Home}${1 | 2}`
export type Router = `nat${Home}`

const homesOf = (kind: NetworkKind): Home[] => HOMES.filter(home => kind[home] !== undefined)
const hasV6 = ({ ipv6 = false }: NetworkKind, home: Home): boolean =>
  typeof ipv6 === 'boolean' ? ipv6 : ipv6.includes(home)
const relaysOf = ({ secondRelay }: NetworkKind) =>
  secondRelay ? (['relay', 'relay2'] as const) : (['relay'] as const)

/** Names of the namespaces of a lab. */
export const spacesOf = (lab: string, kind: NetworkKind): string[] =>
  namesOf(kind).map(space => `${lab}-${space}`)

/** `net`, and whoever puts others' ends of cables into their namespaces, before these. */
function namesOf(kind: NetworkKind): string[] {
  const homes = homesOf(kind)
  const machines = homes.flatMap(home => [`${home}1`, `${home}2`])
  return ['net', ...homes.map(home => `nat${home}`), ...relaysOf(kind), 'public', ...machines]
}

/** What is done in each namespace: commands of `ip`, which it takes all at once, then others. */
class Plan {
  readonly #lab: string
  readonly #ip = new Map<string, string[]>()
  readonly #others: string[] = []

  constructor(lab: string, spaces: readonly string[]) {
    this.#lab = lab
    for (const space of spaces) this.#ip.set(space, ['link set lo up'])
  }

  ip(space: string, ...commands: string[]): void {
    this.#ip.get(space)!.push(...commands)
  }

  run(space: string, command: string): void {
    this.#others.push(`ip netns exec ${this.#lab}-${space} ${command}`)
  }

  raw(...lines: readonly string[]): void {
    this.#others.push(...lines)
  }

  script(): string {
    const spaces = [...this.#ip.keys()].map(space => `netns add ${this.#lab}-${space}`)
    const batches = [...this.#ip].map(([space, commands]) => batch(`-n ${this.#lab}-${space}`, commands))
    return [batch('', spaces), ...batches, ...this.#others].join('\n')
  }
}

const batch = (flags: string, commands: readonly string[]): string =>
  `ip ${flags} -batch - <<'BATCH'\n${commands.join('\n')}\nBATCH`

/** The commands that build a network, for a shell that ends at the first that fails. */
export function script(lab: string, kind: NetworkKind): string {
  const homes = homesOf(kind)
  const isV6 = homes.some(home => hasV6(kind, home))
  const plan = new Plan(lab, namesOf(kind))
  plan.ip('net', 'link add br0 type bridge', 'link set br0 up')
  const outside = [
    ...[...relaysOf(kind), 'public' as const].map(machine => [machine, OUTSIDE[machine], isV6] as const),
    ...homes.map(home => [`nat${home}`, OUTSIDE[home], hasV6(kind, home)] as const),
  ]
  for (const [space, ip, v6] of outside) {
    plan.ip(
      'net',
      `link add p-${space} type veth peer name out netns ${lab}-${space}`,
      `link set p-${space} master br0 up`,
    )
    plan.ip(
      space,
      `addr add ${ip}/24 dev out`,
      ...(v6 ? linkLocal('out', lastOf(ip)) : []),
      'link set out up',
    )
    if (v6) plan.ip(space, `addr add 2001:db8::${lastOf(ip)}/64 dev out nodad`)
  }
  for (const [index, home] of homes.entries()) planHome(plan, lab, kind, home, index + 1)
  return plan.script()
}

/**
 * An address of the link that may be used at once: a router asks for its neighbours from there, and has a peer's first SYN wait for a second
 * while the kernel still looks whether another has the one that it gives by itself.
 */
const linkLocal = (dev: string, last: string): string[] => [
  `link set dev ${dev} addrgenmode none`,
  `addr add fe80::${last}/64 dev ${dev} nodad`,
]

const lastOf = (ip: string): string => ip.split('.')[3]!

/** A home's machines on one bridge behind their router. */
function planHome(plan: Plan, lab: string, kind: NetworkKind, home: Home, number: number): void {
  const router = `nat${home}`
  const v6 = hasV6(kind, home)
  plan.ip(router, 'link add lan type bridge', `addr add 10.${number}.0.1/24 dev lan`)
  plan.ip(router, ...(v6 ? linkLocal('lan', '1') : []), 'link set lan up')
  if (v6) plan.ip(router, `addr add 2001:db8:${number}::1/64 dev lan nodad`)
  for (const machine of [1, 2]) {
    const space = `${home}${machine}`
    plan.ip(
      router,
      `link add l${machine} type veth peer name eth netns ${lab}-${space}`,
      `link set l${machine} master lan up`,
    )
    plan.ip(
      space,
      `addr add 10.${number}.0.${machine + 1}/24 dev eth`,
      'link set eth up',
      `route add default via 10.${number}.0.1`,
    )
    if (!v6) continue
    plan.ip(
      space,
      `addr add 2001:db8:${number}::${machine + 1}/64 dev eth nodad`,
      `route add ::/0 via 2001:db8:${number}::1`,
    )
  }
  const load = (text: string): void => plan.run(router, `nft -f - <<'RULES'\n${text}\nRULES`)
  plan.run(router, 'sysctl -qw net.ipv4.ip_forward=1')
  load(rules(kind[home]!, number))
  if (kind[home]?.upnp) plan.raw(...upnpLines(lab, home, number))
  if (!v6) return
  plan.run(router, 'sysctl -qw net.ipv6.conf.all.forwarding=1')
  load(FIREWALL_V6)
  const route = `route add 2001:db8:${number}::/64 via 2001:db8::${lastOf(OUTSIDE[home])}`
  const others = homesOf(kind).filter(other => other !== home && hasV6(kind, other))
  for (const space of [...relaysOf(kind), 'public', ...others.map(other => `nat${other}`)]) {
    plan.ip(space, route)
  }
}

/** miniupnpd in a router, which answers its home. It ends with the namespace's processes. */
function upnpLines(lab: string, home: Home, number: number): string[] {
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

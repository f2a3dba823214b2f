import type { MoveType, Reference, Value } from '../../vm/index.ts'
import { SYSTEM } from '../address.ts'
import { ABILITIES, type Argument } from './arguments.ts'
import { type Environment, wellKnown } from './environment.ts'
import { argumentFailure, fail } from './failure.ts'

const MAX_U64 = 2n ** 64n - 1n

/** A coin is `[[[id]], [balance]]`: its balance's cell. */
const balanceOf = (coin: Value): bigint[] => (coin as Value[])[1] as bigint[]

function coinType(env: Environment, index: number, argument: Argument): MoveType {
  const { type } = env.args.slot(index, argument)
  if (
    type?.kind !== 'datatype' ||
    type.address !== SYSTEM.sui ||
    type.module !== 'coin' ||
    type.name !== 'Coin'
  )
    throw argumentFailure(index, { TypeMismatch: true })
  return type
}

export function splitCoins(env: Environment, command: { coin: Argument; amounts: Argument[] }): void {
  const type = coinType(env, 0, command.coin)
  const { u64 } = wellKnown(env.vm)
  const coin: Reference = env.args.borrow(0, command.coin, type, true)
  const results = command.amounts.map((argument, i) => {
    const amount = env.args.take(i + 1, argument, u64) as bigint
    const balance = balanceOf(coin.value)
    if (balance[0]! < amount) throw fail({ InsufficientCoinBalance: true }, 'Insufficient coin balance')
    balance[0] = balance[0]! - amount
    return { type, value: [[[env.runtime.freshId()]], [amount]] as Value }
  })
  env.args.addResults(results, false)
}

export function mergeCoins(env: Environment, command: { destination: Argument; sources: Argument[] }): void {
  const type = coinType(env, 0, command.destination)
  const target = env.args.borrow(0, command.destination, type, true)
  command.sources.forEach((argument, i) => {
    const coin = env.args.take(i + 1, argument, type) as Value[]
    const balance = balanceOf(target.value)
    const sum = balance[0]! + balanceOf(coin)[0]!
    if (sum > MAX_U64) throw fail({ CoinBalanceOverflow: true }, 'Coin balance overflow')
    balance[0] = sum
    env.runtime.deleteUid(((coin[0] as Value[])[0] as Value[])[0] as string)
  })
  env.args.addResults([], false)
}

export function transferObjects(env: Environment, command: { objects: Argument[]; address: Argument }): void {
  const objects = command.objects.map((argument, i) => env.args.takeObject(i, argument))
  const recipient = env.args.take(objects.length, command.address, wellKnown(env.vm).address) as string
  for (const { type, value } of objects) env.runtime.transfer(type, value, recipient)
  env.args.addResults([], false)
}

export function makeMoveVec(
  env: Environment,
  command: { type: string | null; elements: Argument[] },
  resolveType: (text: string, index: number) => MoveType,
): void {
  const { args, vm } = env
  let type: MoveType
  let tainted = false
  if (command.type !== null) {
    type = resolveType(command.type, 0)
  } else {
    const first = args.slot(0, command.elements[0]!).type
    if (first === undefined || (vm.abilities(first) & ABILITIES.key) === 0)
      throw argumentFailure(0, { InvalidMakeMoveVecNonObjectArgument: true })
    type = first
  }
  const elements = command.elements.map((argument, i) => {
    tainted ||= args.slot(i, argument).tainted
    return args.take(i, argument, type)
  })
  args.addResults([{ type: vm.types.vector(type), value: elements }], tainted)
}

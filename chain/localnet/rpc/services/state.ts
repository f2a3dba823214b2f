import { GrpcTypes } from '@mysten/sui/grpc'
import { type Address, addressFromBytes, parseAddress, SYSTEM } from '../../ledger/address.ts'
import type { Ledger } from '../../ledger/ledger.ts'
import { type MoveObject, SUI_TYPE } from '../../ledger/object.ts'
import { type Holdings, ownedKey } from '../../ledger/store/live-objects.ts'
import type { MoveType, Value } from '../../vm/index.ts'
import { coinInfo } from '../convert/coin-info.ts'
import { bcsMessage } from '../convert/common.ts'
import { objectMessage } from '../convert/object.ts'
import { Mask } from '../mask.ts'
import { pageOf, pageToken } from '../page.ts'
import { fittingPage, objectWeight } from '../reply-budget.ts'
import { requestType } from '../request-type.ts'
import { invalid, notFound } from '../status.ts'

export function stateService(ledger: Ledger) {
  const typeText = (text: string | undefined): string => requestType(text).text

  return {
    listOwnedObjects(request: GrpcTypes.ListOwnedObjectsRequest): GrpcTypes.ListOwnedObjectsResponse {
      const mask = Mask.of(request.readMask, ['object_id', 'version', 'object_type']).check(GrpcTypes.Object)
      const owner = parseAddress(request.owner ?? '')
      const type =
        request.objectType !== undefined ? ownedType(ledger, requestType(request.objectType)) : undefined
      const question = `owned ${owner} ${type ?? ''}`
      const page = fittingPage(
        ledger.objects.ownedBy(owner, { ...pageOf(request, question), type }),
        object => objectWeight(object, mask),
        ownedKey,
      )
      return {
        objects: page.items.map(object => mask.prune(GrpcTypes.Object, objectMessage(ledger, object, mask))),
        nextPageToken: pageToken(page.next, question),
      }
    },

    listDynamicFields(request: GrpcTypes.ListDynamicFieldsRequest): GrpcTypes.ListDynamicFieldsResponse {
      const mask = Mask.of(request.readMask, ['parent', 'field_id']).check(GrpcTypes.DynamicField)
      const parent = parseAddress(request.parent ?? '')
      const question = `fields ${parent}`
      const page = fittingPage(
        ledger.objects.fieldsOf(parent, pageOf(request, question)),
        field => fieldWeight(ledger, field, mask),
        field => field.id,
      )
      return {
        dynamicFields: page.items
          .filter(isField)
          .map(field => mask.prune(GrpcTypes.DynamicField, fieldMessage(ledger, parent, field, mask))),
        nextPageToken: pageToken(page.next, question),
      }
    },

    getBalance({ owner, coinType }: GrpcTypes.GetBalanceRequest): GrpcTypes.GetBalanceResponse {
      const type = typeText(coinType ?? SUI_TYPE)
      return { balance: balanceMessage(type, ledger.objects.balance(parseAddress(owner ?? ''), type)) }
    },

    listBalances(request: GrpcTypes.ListBalancesRequest): GrpcTypes.ListBalancesResponse {
      const owner = parseAddress(request.owner ?? '')
      const question = `balances ${owner}`
      const page = ledger.objects.balances(owner, pageOf(request, question))
      return {
        balances: page.items.map(({ coinType, ...holdings }) => balanceMessage(coinType, holdings)),
        nextPageToken: pageToken(page.next, question),
      }
    },

    getCoinInfo({ coinType }: GrpcTypes.GetCoinInfoRequest): GrpcTypes.GetCoinInfoResponse {
      const type = typeText(coinType)
      const info = coinInfo(ledger, type)
      if (info === undefined) throw notFound(`coin ${type}`)
      return info
    },
  }
}

const balanceMessage = (coinType: string, { total, funds }: Holdings): GrpcTypes.Balance => ({
  coinType,
  balance: total + funds,
  coinBalance: total,
  addressBalance: funds,
})

/** A generic type without its arguments asks for all of its instances. */
function ownedType(ledger: Ledger, type: MoveType): string {
  if (type.kind !== 'datatype') throw invalid(`${type.text} is not an object type`)
  const isBare =
    type.typeArguments.length === 0 && (ledger.vm.definition(type)?.typeParameters.length ?? 0) > 0
  return isBare ? `${type.text}<` : type.text
}

const FIELD_PREFIX = `${SYSTEM.sui}::dynamic_field::Field<`

/** Values of dynamic object fields are owned by their field, and are no fields themselves. */
const isField = (object: MoveObject): boolean => object.type.startsWith(FIELD_PREFIX)

/** A field, and the object that is its value when that is asked for. */
function fieldWeight({ objects }: Ledger, field: MoveObject, mask: Mask): number {
  const child = mask.wants('child_object') && objects.get(childIdOf(field))
  return (
    objectWeight(field, mask.at('field_object')) +
    field.contents.length +
    (child ? objectWeight(child, mask.at('child_object')) : 0)
  )
}

/** The value of a dynamic object field is an ID, the last 32 bytes. */
const childIdOf = ({ contents }: MoveObject): Address => addressFromBytes(contents.subarray(-32))

function fieldMessage(ledger: Ledger, parent: string, field: MoveObject, mask: Mask): GrpcTypes.DynamicField {
  const { vm } = ledger
  const type = vm.types.fromTag(field.type)
  if (type.kind !== 'datatype') throw new TypeError(`${field.type} is not a field`)
  const [nameType, valueType] = type.typeArguments as [MoveType, MoveType]
  const [, name, value] = vm.deserialize(type, field.contents) as [Value, Value, Value]
  const message: GrpcTypes.DynamicField = { kind: 1, parent, fieldId: field.id }
  const isObject =
    nameType.kind === 'datatype' &&
    nameType.address === SYSTEM.sui &&
    nameType.module === 'dynamic_object_field' &&
    nameType.name === 'Wrapper'
  if (mask.wants('field_object')) message.fieldObject = objectMessage(ledger, field, mask.at('field_object'))
  message.value = bcsMessage(valueType.text, vm.serialize(valueType, value))
  if (!isObject) {
    message.name = bcsMessage(nameType.text, vm.serialize(nameType, name))
    message.valueType = valueType.text
    return message
  }
  const inner = nameType.typeArguments[0]!
  const childId = (value as string[])[0]!
  const child = ledger.objects.get(childId)
  message.kind = 2
  message.name = bcsMessage(inner.text, vm.serialize(inner, (name as Value[])[0]!))
  message.childId = childId
  if (child?.kind === 'move') message.valueType = child.type
  if (child !== undefined && mask.wants('child_object'))
    message.childObject = objectMessage(ledger, child, mask.at('child_object'))
  return message
}

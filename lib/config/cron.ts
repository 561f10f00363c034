import { type Schedule, WEEKDAYS } from "../../lambda/engine/model/estate.ts";

type Hand = number | { every: number } | "any";

/**
 * A cron expression of five fields as a schedule, or why it is none. Only what one schedule can say is taken: a step
 * (minutes `*` or `*` `/n`), an hourly `0 *`, or one time on every day, one weekday or one day of the month.
 */
export function parseCron(expression: string): Schedule | { readonly wrong: string } {
  const fields = expression.trim().split(/\s+/);
  if (fields.length !== 5) return { wrong: `it has ${fields.length} fields` };
  const limits: [string, number, number][] = [
    ["minute", 0, 59],
    ["hour", 0, 23],
    ["day of the month", 1, 28],
    ["month", 1, 12],
    ["weekday", 0, 7],
  ];
  const hands = limits.map(([name, low, high], index) => readHand(name, fields[index] ?? "", low, high));
  const wrong = hands.find((hand) => typeof hand === "object" && "wrong" in hand);
  if (wrong !== undefined) return wrong as { wrong: string };
  const [minute, hour, day, month, weekday] = hands as Hand[];
  if (month !== "any") return { wrong: "a cadence runs in every month" };
  return combine(minute ?? "any", hour ?? "any", day ?? "any", weekday ?? "any");
}

function readHand(name: string, field: string, low: number, high: number): Hand | { wrong: string } {
  if (field === "*") return "any";
  const step = /^(?:\*|0)\/(\d+)$/.exec(field)?.[1];
  if (step !== undefined)
    return Number(step) >= 1 ? { every: Number(step) } : { wrong: `${name} steps by 0` };
  const named =
    name === "weekday" ? WEEKDAYS.findIndex((day) => day.slice(0, 3) === field.toLowerCase()) : -1;
  const value = named >= 0 ? named : /^\d+$/.test(field) ? Number(field) : Number.NaN;
  if (value >= low && value <= high) return value;
  return { wrong: `${name} is ${field}, not one number from ${low} to ${high}` };
}

function combine(minute: Hand, hour: Hand, day: Hand, weekday: Hand): Schedule | { wrong: string } {
  const everyDay = day === "any" && weekday === "any";
  if (everyDay && hour === "any" && minute === "any") return { everyMinutes: 1 };
  if (everyDay && hour === "any" && minute === 0) return { everyMinutes: 60 };
  if (everyDay && hour === "any" && typeof minute === "object")
    return 60 % minute.every === 0
      ? { everyMinutes: minute.every }
      : { wrong: "the minutes' step does not divide the hour" };
  if (everyDay && typeof hour === "object" && minute === 0)
    return 24 % hour.every === 0
      ? { everyMinutes: hour.every * 60 }
      : { wrong: "the hours' step does not divide the day" };
  if (typeof minute !== "number" || typeof hour !== "number")
    return { wrong: "it fires at more than one time of the day" };
  const at = [hour, minute].map((part) => String(part).padStart(2, "0")).join(":");
  if (typeof day === "object" || typeof weekday === "object" || (day !== "any" && weekday !== "any"))
    return { wrong: "it names more than one kind of day" };
  const onWeekday = weekday === "any" ? undefined : WEEKDAYS[weekday % 7];
  return { at, ...(onWeekday && { onWeekday }), ...(day !== "any" && { onDayOfMonth: day }) };
}

/* What the overview says of one budget over all programmes: shortfalls, money and stations by year. */
"use strict";
siting.joint = (function () {
  const S = siting, { data, t, el } = S, joint = data.joint;

  function banner() {
    if (!joint || joint.status !== "short") return [];
    const rows = data.clauses.filter((row) => row.status === "short");
    const list = rows.map((row) => `${row.clause || t("clause.own")} ${S.known("measure", row.measure)}`).join(S.pick("；", "; "));
    return [el("div", "s-banner s-bad", el("strong", "", t(joint.share < 1 ? "joint.short.money" : "joint.short")), el("p", "", t("joint.short.detail", { list })))];
  }

  /* Money that is spent of what there is, then what each year builds. */
  function section() {
    if (!joint) return [];
    const gap = S.gapText(joint.gap);
    const limit = S.finite(joint.total_cny) ? t("joint.of", { n: S.moneyText(joint.total_cny) }) : "";
    const nodes = [el("h2", "", t("joint.title")), el("p", "s-muted", t("joint.note", { spent: S.moneyText(joint.spent_cny), limit, gap }))];
    if (!joint.years.length) return nodes;
    const body = el("tbody"), table = el("table", "s-table", el("thead", "", el("tr", "", ...["year", "cost", "stations", "piles"].map((key) => el("th", "", t(`joint.${key}`))))), body);
    for (const row of joint.years) {
      body.append(el("tr", "", el("td", "", String(row.year)), el("td", "", S.moneyText(row.spent_cny)), el("td", "", S.number(row.stations)), el("td", "", S.number(row.piles))));
    }
    table.dataset.joint = "years";
    return [...nodes, table];
  }
  return { banner, section };
})();

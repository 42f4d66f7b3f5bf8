"""The words of each field of knowledge, with their points; `domain.py` adds them up.

Words were chosen on the tuning half of public questions (docs/signals.md) by how much more often a
field uses them than all others do, then read, cut and completed by hand.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

FIELDS: Final[Mapping[str, Mapping[int, str]]] = {
    "software": {
        3: "algorithm assert assertion code def function insert join len literal lst num "
        "nums python tuple",
        2: "algorithms api arr array arrays ascii attacker authentication backend bash batch "
        "bayes binary bit bits boolean buffer bug bytes classifier cli coding compile "
        "compiler complement convolutional css database debug deploy divisors docker elif "
        "else encode encryption endpoint exception executable execution float framework "
        "fromkeys frontend gaussian git golang gradient html http https integer integers "
        "isalpha isdigit java javascript json kotlin kubernetes lambda library linux "
        "lists logistic loop method multiplication network node normalization oauth "
        "overfitting php pop popitem processor programmer programming query queue "
        "recursion regex reverse rindex rpartition rsplit rust script sep server sort "
        "split splitlines sql stack stacktrace startswith strings terminal token tuples "
        "typescript typing underfitting undirected url user val variable vertex webhook "
        "xml yaml",
        1: "cache char characters class classification computer convert copy data del dict "
        "digit digits dimension dimensional disk edges elements file format graph "
        "hardware implement index input instruction integrity keys list map matrix max "
        "memory neural numbers occurrence output parameter parameters polynomial program "
        "range return software sorted stored str string strip text tree vertices web",
    },
    "math": {
        3: "boxed frac sqrt",
        2: "algebra calculus cdots cos decimal derivative digit divided divisible divisor "
        "equations equiv gcd geometry infty integer integers integral lcm ldots logarithm "
        "matrix median multiplication multiplied multiply nonzero overline percent "
        "percentage polynomial prime probability remainder rounding subgroup subtract "
        "theorem triangle vertices",
        1: "abelian angle arithmetic average bounded cdot circ circle compute congruent "
        "consecutive coordinates deviation dfrac diagonals dice divides dots equation "
        "equilateral euler factor finite fraction geq graph homomorphism hypotenuse "
        "inclusive infinity interval invertible isosceles lim math mathbf modulo mph "
        "nearest number numbers parabola perimeter pmatrix polygon polynomials quotient "
        "randomly rectangle rectangular ring roots rounded sampling simplify sin solve "
        "square tan tangent times total triangles twice vector zeros",
    },
    "science": {
        3: "angular atm atmosphere btu cal calculate circuit diameter electron electrons "
        "flux gases gravitational heat hydrogen kinetic magnetic mathrm mol mole "
        "molecular molecules moles particle psi radiation radius rightarrow rpm sec vapor "
        "velocity voltage volts wavelength",
        2: "acceleration acid alleles amp amperes amplitude angle armature astronomy "
        "atmospheric atom atomic atoms axis beam biology boiling capacitance capacitor "
        "carbon chemist chemistry chloroplasts circ climate coil combustion conductivity "
        "darwin delta density dioxide dipole dissociation ecosystem electric emitted "
        "engineering enthalpy entropy epsilon evolution experiment flask focal "
        "frequencies frequency friction gas gene genes gravity hcl helium ion ionization "
        "ions kcal khz laboratory lbs liquid liter magnitude mars mass meiosis metallic "
        "methane mhz mixture molar molecule momentum moon neutrons nitrogen nuclei "
        "offspring ohm ohms omega orbit organisms oxygen particles photon physics proton "
        "protons quantum reaction refraction resistance rho rightleftarrows rotation "
        "rotational shaft solar solution spectrum spherical steam temperatures thermal "
        "thermodynamic thickness torr vaporization viscosity volt volume watts wave "
        "winding wire",
        1: "air allele alpha bacteria beta cell cells chemical circular coefficient "
        "concentration consisting container cylinder dna earth emission energy equation "
        "equilibrium flows gamma genetic grams horizontal iron metal meter mutation "
        "mutations nucleus orbital organism perpendicular phase photosynthesis plane "
        "plant plants plasma pressure proteins radioactive reactions reacts recessive rod "
        "seeds sodium species speed steel sun temperature thin undergoes uniform vertical "
        "water",
    },
    "health": {
        3: "abdomen abdominal abnormalities acids amino anterior bladder bmi bowel cardiac "
        "cervical deficiency diabetes diagnosis dietary examination fatty fever "
        "hypertension infection insulin intake intravenous liver medial medications "
        "membranes min muscle nerves palpation patient pelvic physician protein pulmonary "
        "pulse respirations respiratory scan serum sinus swelling syndrome tenderness "
        "thyroid ultrasonography urinary urine vaccine virus vital vitamin vomiting "
        "weighs",
        2: "absorption acid acute adults alcohol allergy alzheimer amylase antibiotic arzt "
        "aspiration atp auscultation biopsy blood bone breast breath calcium cancer "
        "carcinoma cardiovascular cartilage cell cells chemotherapy chest chromosome "
        "chronic cigarettes clinic clinical cohort concentration concentrations "
        "corticosteroid dementia dental diarrhoea diet discharge disease diuretic dna "
        "doctor dose ecg edema emergency enfermedad enlargement enzyme erythema facial "
        "fat fetal fibre fluid gastric genome gland glucose gravida headache hiv hormone "
        "infections influenza kidney krankheit lateral lesion leukocyte lipid lung lymph "
        "maladie malignant maternal maxillary medical medication medicine mellitus "
        "membrane menstrual metabolic metabolism methionine mucosa muscles mutation "
        "médecin médico nausea neck needle nerve neurologic niacin nodes nurse "
        "nutritional obesity oral oximetry palate patients pharmacotherapy plasma "
        "pneumonia polymerase posterior pregnancy prescription proteins recommended "
        "recurrent renal riboflavin rna saturated saturation sexually skin stomach stroke "
        "surgery surgical symptom symptoms synthesis systolic tissue trauma treatment "
        "ventricle viruses vitamins wound",
        1: "admitted body deep exercise foods health healthy heart history hospital illness "
        "management oxygen pain pressure ray risk stress temperature therapy",
    },
    "law": {
        3: "admissible admission agreement alleging amendment appellate arrest arrested "
        "assault attempted attorney battery breach burglary charged claiming clause "
        "commit constitutional constitutionality contract contractor contractual "
        "conveyance conveyed convicted conviction counsel court crime criminal damages "
        "deed defendant defense dismiss dismissed enacted enforceable enforcement "
        "executed felony fourteenth grounds guilty hearsay heirs homeowner implied "
        "inadmissible injunction injured injuries injury involuntary judge judgment "
        "jurisdiction jury larceny lawyer lease leased liability liable license "
        "manslaughter murder negligence negligent objected objection officer ordinance "
        "pedestrian plaintiff possession prevail probable probative prosecuted "
        "prosecution prosecutor prove pursuant robbery sidewalk statute statutory sue "
        "sued sues suit tenant testified testify testimony thereafter tort tract unaware "
        "unconstitutional unenforceable vehicle victim violate violates violating "
        "violation void witness",
        2: "abogado admitted alleged anwalt appeal avocat buyer complaint consideration "
        "contrat contrato copyright courts covenant doctrine easement entitled federal "
        "gdpr gericht gesetz grant granted hearing heir hereby homicide intent killed "
        "landlord lawsuit legal legally ley loi misdemeanor obligation patent permission "
        "premises privilege proper provision subsequent testator title trademark treaty "
        "valid verdict vertrag voluntary warrant",
        1: "claim estate law motion parties party property rights trial",
    },
    "finance": {
        3: "accounting aggregate audit auditor curve diminishing economists elastic "
        "elasticity expansionary exports externality firms fiscal garch gdp inelastic "
        "inflation keynesian loans marginal monetary monopolistic prices recession "
        "reserve securities sloping subsidies surplus unemployment wage",
        2: "allocated allocative appreciate asset atc autocorrelation balance bank banks "
        "bonds capita capital competition competitive consume consumer consumers "
        "contractionary cpa currencies currency curves cyclical deficit deposits "
        "depreciate depreciated dickey disadvantage discourages dividend dollar economies "
        "economy equals equilibrium explanatory export fed financial firm fluctuate "
        "fluctuations forecast forecasts fuller fund heteroscedasticity imports impuesto "
        "impôt income indeterminate industries inflationary interest invest investment "
        "investments investor lag ledger liabilities loan loanable maximized maximizing "
        "monetarist monopoly mortgage nominal oligopoly phillips portfolio producer "
        "producers productivity propensity rates ratio regression regressive residuals "
        "revenue savings sellers shortage slopes spending squared stagflation stationary "
        "statistic steuer substitute substitutes tariffs technological transactions "
        "treasury unemployed unrestricted vat volatility wages",
        1: "accounts affecting assets banking barriers benefit benefits bond budget "
        "businesses checking classical confidence consumption corporate corporation "
        "correlated costs debt declining demand demanded depreciation domestic efficiency "
        "efficient employment entity equity errors exceeds excess exchange experiencing "
        "goods hire households hypothesis industry innovation labor market markets money "
        "policies policy price procedures produces production profit profits proportional "
        "reporting reserves residual resources revenues sells services shares stable "
        "stock supplied supply tax taxes technology trading transaction trend utility "
        "workers",
    },
    "business": {
        3: "discounted installment marketing markup priced pricing stakeholder",
        2: "advertising annual bestellung billing brand cliente commande communications "
        "company compounded corporate customer customers delivery depreciation discount "
        "earnings earns employee factura facture inventory invoice invoices kunde "
        "management manager managers maturity maximize media orders organisation payments "
        "pays pedido premium profitability promotional purchased receipt rechnung refund "
        "retailers sales segmentation sells shipping startup strategy subscription "
        "supplier sustainability valuation",
        1: "account assets audience bond business buying campaign client commission "
        "communication consumer consumers corporation costs credit digital employees "
        "evaluation expenses factory firm gross implementation insurance internet "
        "investment loan manufacturing market order organizations paying payment planning "
        "price proceeds product products profit promotion purchases purchasing salary "
        "savings services shares stock tax yield",
    },
    "history": {
        3: "abolition africa africans america americas anatomically ancient archaeological "
        "armies army britain british catholic chinese christian christians civilization "
        "civilizations colonial colonies conquered conquest consolidate corruption divine "
        "dynasty earliest egyptian eighteenth emperor empire enlightened enlightenment "
        "era erectus establishment europe european europeans french glorious granada "
        "historian holy hominid homo imperial inca independence indian indians indigenous "
        "inhabitants irrigation jefferson king kingdom kings liberation liberties liberty "
        "majesty mankind merchants monarchy native natives nobility peace peasants "
        "peoples protestant provinces queen reformation religions religious republic "
        "republics reverence revolution revolutions roman rome roosevelt royal ruler "
        "rulers russia russian sacred settlements ships sixteenth slave slavery slaves "
        "socialist sovereign spain spaniards spanish temple territories territory tribes "
        "troops tyranny unite unrest wars",
        2: "african agricultural americans asia australia century chief china christianity "
        "church citizens civil constitution continue country england expansion faith "
        "france freedom germany god governments humans laws medieval mexico military "
        "movement nation nations political racial subsistence treaty united war",
        1: "history rights society states union",
    },
    "philosophy": {
        3: "argues counterexample counterexamples equivocation fallacies fallacy hominem "
        "ignorance kant mill moral morally predicate propositions symbolization",
        2: "analogy antecedent aquinas arguing argument arguments buddhist categorical "
        "christian conclusion consequent consequentialism consequentialist contradictory "
        "defends dilemma disjunctive euthanasia facie flawed generalization hasty hindu "
        "huemer inconsistency indirect islam justify kantian logic logically meaningless "
        "morality necessarily nonhuman nussbaum permissible philosopher philosophical "
        "philosophy plato premise prima proposition rawls reasoning rightness ross "
        "sikhism slippery socrates syllogism truth utilitarian utilitarianism valuations "
        "virtues",
        1: "abortion argue aristotle believes circular conditional consequences construct "
        "dignity divine ethics happiness harm harms hobbes humanity hume hypothetical "
        "inconsistent invalid justified logical pleasure promotes torture virtue",
    },
    "psychology": {
        3: "anxiety behavior behavioral behaviors cerebellum cerebral cognitive conditioning "
        "disorder disorders dissociative dissonance ethically gestalt motivation piaget "
        "psychological psychologist psychologists psychology psychotherapy reinforcement "
        "schizophrenia sensorimotor stimuli stimulus thalamus therapist unconditioned",
        2: "abilities acetylcholine achievement adaptation administered adulthood amygdala "
        "anger antisocial appraisal assess associations attachment attribution aversive "
        "beck behaviorist bias biases bipolar brain brains childhood cognition compulsive "
        "conditioned confidentiality conscious constancy cope coping correlation cortex "
        "counseling cues depressed depression depressive designs detection developmental "
        "disorganized dopamine eeg emotion emotional ethical experiment experiments "
        "feelings frontal frustration functioning genetics hippocampus humanistic "
        "hypothalamus infants innate intelligence interpersonal lobe mathematical medulla "
        "memories mental mood neurotransmitter observation obsessive operant participants "
        "perception perceptual performance personality physiological predictive "
        "preoperational processing projective psychoanalysis psychoanalytic psychodynamic "
        "reared recall recognizing relaxation reliability research retention retina "
        "retrieval reward screening semantic sensory sessions settings shaping skills "
        "solving somatic spatial stages statistical suggests tests therapeutic traits "
        "traumatic unethical unethically unresolved validity",
        1: "abstract academic aggression assessment attend attitudes biological classical "
        "client clients concerns development differences discussing educational "
        "evaluation experience exposure factors feedback frequency genetic hypothesis "
        "identity infant influenced intervention involve learn learned learning "
        "longitudinal memory methods motor neutral perspective phenomenon punishment "
        "reality researcher response satisfaction self sexual sleep stress symptoms "
        "teacher technique testing theory therapy thinking tone treatment",
    },
    "society": {
        3: "agenda committees contemporary ethnic globalization identities insecurity "
        "paradigm realist referent threaten threats transnational veto",
        2: "academic advocates arms behaviour borders capitalism capitalist coercive cold "
        "communities conflict congressional cooperation defence democracy diplomacy "
        "dominant elections elite gender geography housing immigration increasingly "
        "infrastructure islam jobs labour legislation legislative liberal liberalism "
        "migration military minister nuclear parliament politics presidential regions "
        "representatives ruling science senate societal societies sociology sovereignty "
        "soviet sphere stability strategic supreme theories threat traditional transition "
        "undermine urban violence vote voters weapons",
        1: "achieve asia biological central challenge cities committee community concerns "
        "conflicts congress constitution corporations countries demands democratic "
        "developing domestic election environmental forces global goals governmental "
        "governments groups identity industrial institutions interaction interests "
        "international intervention issue issues majority manufacturing markets movement "
        "nineteenth norms policies policy political popular population populations "
        "poverty practices president race resources secure security social society states "
        "strategy structural studies technological trade war welfare",
    },
}

"""Words that made-up values are put together from. Chosen without looking at the proxy's own lists."""

from __future__ import annotations


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


GIVEN = _words(
    """
    Adrian Agnes Aiden Alba Albrecht Alejandra Alina Alistair Amina Anders Anneliese Antje Antoine Arjun Astrid Aurora
    Beatrice Benedikt Bianca Bjarne Blanca Bogdan Brigida Bruna Caio Camille Carla Carlos Cecilia Chiara Claire Clara
    Clemens Colin Conrad Daan Daniel Daria David Deborah Denis Diego Dominik Eduardo Elena Elias Elisabeth Emil Emma
    Enrique Erik Esther Eva Fabian Fatima Felix Fernanda Filip Florian Frances Franka Gabriel Gemma Georg Gloria
    Gonzalo Grace Gregor Gustavo Hanna Harriet Hedwig Helena Henrik Hugo Ida Ignacio Inga Ines Irene Isabel Ivo Jakob
    Janine Jasper Joana Joel Johanna Jonas Jorge Josefine Julia Kai Karim Karl Katharina Kevin Klara Konrad Lara Lars
    Laura Leo Leonie Lidia Linda Lorenzo Louis Lucia Ludwig Luisa Magnus Manon Marcel Margarida Marie Marta Martin
    Mateusz Matilda Mehmet Melanie Michael Miriam Moritz Nadia Natalie Niklas Nina Noah Nora Olaf Oliver Omar Oscar
    Pablo Paula Pedro Petra Philip Pierre Priya Rafael Ramona Raul Rebecca Renate Robert Rosa Ruben Ruth Samuel Sara
    Sebastian Selma Simon Sofia Sonja Stefan Susanne Svenja Tamara Teresa Thea Theo Thomas Tiago Tobias Ulrike Ursula
    Valentin Vanessa Vera Victor Vincent Viola Walter Wanda Wilma Xavier Yasmin Yvonne Zara Zoe
    """
)
FAMILY = _words(
    """
    Abbott Achterberg Aguirre Albrecht Almeida Andersson Arnold Azevedo Bachmann Baker Barros Bauer Becker Bellamy
    Benitez Bergmann Bernard Blake Boateng Bonnet Borges Brandt Braun Brennan Brooks Bruno Burgess Cabrera Campos
    Carter Castro Chapman Chevalier Clarke Conti Cooper Correia Costa Cruz Dahl Dalton Decker Delgado Dietrich Dixon
    Doyle Dubois Dupont Eberhardt Eklund Ellis Engel Esposito Fabre Farkas Faure Ferreira Fischer Fletcher Fonseca
    Fontaine Forster Franke Freitas Fuchs Gallagher Garnier Gibson Goncalves Graf Gruber Guerra Guzman Haas Hansen
    Hartley Heinrich Herrmann Hoffmann Holm Horvat Huber Hughes Ibrahim Iglesias Jansen Jensen Johansson Jordan Jung
    Kaminski Kaufmann Keller Kennedy Khan Klein Koch Kowalczyk Kramer Krause Kuhn Lambert Lang Larsen Leclerc Lehmann
    Leroy Lewis Lima Lindqvist Lombardi Lopes Lorenz Ludwig Lund Macedo Maier Marchetti Marino Martin Mayer Mendes
    Mercier Meyer Molina Moreau Moretti Morris Mueller Murphy Navarro Neumann Nguyen Nilsson Novak Nowak Nunes Oliveira
    Olsen Ortega Otto Papadopoulos Patel Pereira Perrin Peters Petit Pfeiffer Pinto Popescu Quinn Ramos Reid Richter
    Rinaldi Ritter Rivas Robin Roche Rojas Romano Roth Rousseau Russo Salazar Santos Sauer Schmidt Schneider Scholz
    Schulte Schwarz Silva Simon Singh Soares Sousa Stein Suarez Svensson Tanaka Teixeira Thompson Torres Turner Vargas
    Vasquez Vidal Vogel Wagner Walsh Weber Weiss Werner Winkler Wolf Yilmaz Young Zimmermann
    """
)
CITIES = _words(
    """
    Aachen Bergen Birmingham Bologna Bordeaux Boston Braga Bremen Bristol Bruges Chicago Coimbra Dallas Denver Dortmund
    Dresden Dublin Edinburgh Freiburg Genoa Ghent Glasgow Graz Hamburg Hannover Houston Karlsruhe Leeds Leipzig Lille
    Lisbon Liverpool Lyon Madrid Malaga Manchester Marseille Milan Montpellier Munich Nantes Naples Nice Oslo Palermo
    Phoenix Porto Portland Rennes Rotterdam Salzburg Seattle Seville Sheffield Strasbourg Stuttgart Toulouse Turin
    Utrecht Valencia Vienna Warsaw Zaragoza Zurich
    """
)
STREETS = {
    "us": ("Maple Street", "Oak Avenue", "Cedar Road", "Lakeview Drive", "Sunset Blvd", "Park Lane", "Hill Court"),
    "de": ("Lindenstraße", "Bahnhofstr.", "Am Markt", "Gartenweg", "Schillerplatz", "Kirchgasse", "Rosenallee"),
    "fr": ("rue de la Paix", "avenue Victor Hugo", "boulevard Voltaire", "impasse des Lilas", "chemin du Moulin"),
    "es": ("Calle Mayor", "Avenida de la Constitución", "Plaza Nueva", "Paseo del Prado", "Calle de Alcalá"),
    "pt": ("Rua das Flores", "Avenida Paulista", "Travessa do Carmo", "Rua Augusta", "Alameda Santos"),
}
PLAIN = _words(
    """
    amber anchor basket blue bolt bracket bright cable cargo carbon chair circle cloud cotton crane dark delta drift
    engine filter flat forest frame garden glass green harbour heavy hinge island kettle ladder lamp large lever light
    marble metal mirror modern module narrow ocean orange panel paper pebble pipe plain plastic portable pump quartz
    rapid red ridge river rope rubber sail sand screw sensor shelf signal silver small soft solar spring square steel
    stone storm table timber tower tube valley valve velvet wagon water wheel white wide window wire wooden yellow
    """
)
DRUGS = ("Amoxicillin 500 mg", "Ibuprofen 400 mg", "Metformin 850 mg", "Lisinopril 10 mg", "Omeprazole 20 mg")
CONDITIONS = ("J45.901", "E11.9", "I10", "F32.1", "M54.5", "K21.0", "N39.0", "J06.9", "L40.0", "G43.909", "C50.911")
